// SPDX-License-Identifier: Apache-2.0
// What went wrong between us and the API server, in the program's own errors: refusals become an
// ApiError with the server's words, everything below HTTP a VkError of code Unavailable or Timeout.
import { errors } from 'undici'
import { VkError, messageOf } from '../util/vk-error.ts'
import { ApiError } from './api-error.ts'
import type { HttpAnswer } from './http-exchange.ts'
import type { Status } from './types.gen.ts'

const maxMessageLength = 2000

/** The error for an answer with a status of 400 or more. */
export function answerToError(answer: HttpAnswer, attempt: string): ApiError {
  const status = parseStatus(answer.body)
  const retryAfterMs = retryAfterOf(answer, status)
  return statusToError(answer.status, attempt, {
    ...(status && { status }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}

/** The error for a Status object, wherever it came from. */
export function statusToError(
  httpStatus: number,
  attempt: string,
  options: { readonly status?: Status; readonly retryAfterMs?: number },
): ApiError {
  // Only a Status is quoted: any other body may be a proxy's page, or an object.
  const why = options.status?.message?.slice(0, maxMessageLength) || 'the server gave no reason'
  return new ApiError(httpStatus, `Cannot ${attempt}: ${why} (${httpStatus})`, options)
}

/** The error for whatever was thrown on the way; a caller's own abort stays what it is. */
export function failureToError(
  error: unknown,
  attempt: string,
  signal: AbortSignal | undefined,
): unknown {
  if (error instanceof ApiError || (signal?.aborted && error === signal.reason)) return error
  const code = isTimeout(error) ? 'Timeout' : codeOf(error)
  const cause = error instanceof Error ? { cause: error } : {}
  return new VkError(code, `Cannot ${attempt}: ${causeOf(error)}`, cause)
}

function codeOf(error: unknown): VkError['code'] {
  return error instanceof VkError ? error.code : 'Unavailable'
}

function isTimeout(error: unknown): boolean {
  return (
    error instanceof errors.HeadersTimeoutError ||
    error instanceof errors.BodyTimeoutError ||
    error instanceof errors.ConnectTimeoutError
  )
}

// An AggregateError (several addresses tried) has an empty message; its parts say what happened.
function causeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return error.errors.map((part) => wordsOf(part)).join('; ')
  }
  return wordsOf(error)
}

const untrusted = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

/** Node.js advises a flag of its own (`; if …`), but the authority of a cluster is said in its kubeconfig. */
function wordsOf(error: unknown): string {
  const message = messageOf(error)
  const { code = '' } = (error ?? {}) as NodeJS.ErrnoException
  if (!untrusted.has(code)) return message
  const [what = ''] = message.split('; if ')
  return `${what} (certificate-authority-data of the kubeconfig names another authority, or none)`
}

function parseStatus(body: string): Status | undefined {
  try {
    const parsed: unknown = JSON.parse(body)
    const isStatus =
      typeof parsed === 'object' && parsed !== null && 'kind' in parsed && parsed.kind === 'Status'
    return isStatus ? (parsed as Status) : undefined
  } catch {
    // A proxy's page or plain text: the HTTP status has to do.
    return undefined
  }
}

function retryAfterOf(answer: HttpAnswer, status: Status | undefined): number | undefined {
  const seconds = Number(answer.headers['retry-after'] ?? status?.details?.retryAfterSeconds)
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined
}
