// SPDX-License-Identifier: Apache-2.0
// A refusal by the API server: its HTTP status and the Status object it sent.
import { VkError } from '../util/vk-error.ts'
import type { VkErrorCode } from '../util/vk-error.ts'
import type { Status } from './types.gen.ts'

/** The API server answered with an error. `reason` is the Status's machine-readable word. */
export class ApiError extends VkError {
  readonly httpStatus: number
  readonly reason: string
  readonly status: Status | undefined

  constructor(
    httpStatus: number,
    message: string,
    options: {
      readonly status?: Status
      readonly retryAfterMs?: number
      readonly cause?: unknown
    } = {},
  ) {
    const { status, ...rest } = options
    super(codeOfHttpStatus(httpStatus), message, rest)
    this.name = 'ApiError'
    this.httpStatus = httpStatus
    this.reason = status?.reason ?? ''
    this.status = status
  }
}

function codeOfHttpStatus(httpStatus: number): VkErrorCode {
  switch (httpStatus) {
    case 401:
    case 403:
      return 'Unauthorized'
    case 404:
      return 'NotFound'
    case 408:
    case 504:
      return 'Timeout'
    case 409:
      return 'Conflict'
    case 410:
      return 'Conflict'
    case 429:
    case 503:
      return 'Unavailable'
    default:
      return httpStatus >= 500 ? 'Internal' : 'Invalid'
  }
}

/** The object, or a precondition's object, is not there. */
export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.httpStatus === 404
}

/** An object of that name exists (create), or another writer was faster (update, precondition). */
export function isConflict(error: unknown): boolean {
  return error instanceof ApiError && error.httpStatus === 409
}

/** The watch's or the list's resourceVersion is no longer kept: start over with a list. */
export function isGone(error: unknown): boolean {
  return error instanceof ApiError && (error.httpStatus === 410 || error.reason === 'Expired')
}

/** No rights (403) or no identity (401). */
export function isRefused(error: unknown): boolean {
  return error instanceof ApiError && (error.httpStatus === 401 || error.httpStatus === 403)
}
