// SPDX-License-Identifier: Apache-2.0
// What an engine says when it refuses, as the errors that the core acts on. The words are the engine's own:
// they name images and containers, never credentials.
import { VkError, messageOf, type VkErrorCode } from '../../../util/vk-error.ts'

/** An answer other than 2xx. */
export class EngineError extends VkError {
  readonly status: number

  constructor(status: number, message: string) {
    super(codeOfStatus(status), message)
    this.status = status
  }
}

/** The engine has no such thing. */
export function isNotFound(error: unknown): boolean {
  return error instanceof EngineError && error.status === 404
}

/** The thing is there already, or is not in the state for what was asked. */
export function isConflict(error: unknown): boolean {
  return error instanceof EngineError && error.status === 409
}

/** A create of something whose name is taken; Podman says so with another status than Docker. */
export function isNameInUse(error: unknown): boolean {
  return (
    isConflict(error) ||
    (error instanceof EngineError && /name .* is (already )?in use/i.test(error.message))
  )
}

/** Podman keeps a container whose namespaces another one has joined. */
export function isDependedOn(error: unknown): boolean {
  return error instanceof EngineError && /dependent containers/i.test(error.message)
}

/** A start of what was to join another container, which has ended. */
export function hasLostSandbox(error: unknown): boolean {
  return error instanceof EngineError && /non[- ]running container/i.test(error.message)
}

/** The disk that the engine keeps images and containers on has no room left. */
export function isDiskFull(error: unknown): boolean {
  return error instanceof VkError && error.message.includes(diskFull)
}

const diskFull = "the engine's disk is full: no space left on device"

/** What an engine or a registry says, as one line. */
export function oneLine(text: string): string {
  // Around these words stands which of the engine's own files it was, or what else was tried in vain.
  if (/no space left on device/i.test(text)) return diskFull
  return text.replaceAll(/\s+/g, ' ').trim()
}

/** The error of an answer with this status and body. */
export function engineError(status: number, body: string): EngineError {
  return new EngineError(status, engineMessage(body) || `the engine answered ${status}`)
}

/** The engine could not be reached, or went away while it answered. */
export function connectionError(error: unknown, where: string): unknown {
  if (error instanceof VkError || isAbort(error)) return error
  const { code } = error as NodeJS.ErrnoException
  const why = code === undefined ? messageOf(error) : (reasons[code] ?? code)
  return new VkError('Unavailable', `Cannot reach the engine at ${where}: ${why}`, { cause: error })
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket',
  EACCES: 'this user may not open the socket (EACCES)',
  ECONNREFUSED: 'nobody listens there (ECONNREFUSED)',
  ECONNRESET: 'the connection was closed (ECONNRESET)',
  ENOTFOUND: 'its name is not known (ENOTFOUND)',
}

function codeOfStatus(status: number): VkErrorCode {
  if (status === 400) return 'Invalid'
  if (status === 401 || status === 403) return 'Unauthorized'
  if (status === 404) return 'NotFound'
  if (status === 409) return 'Conflict'
  if (status === 501) return 'Unsupported'
  return status >= 500 ? 'Unavailable' : 'Internal'
}

function engineMessage(body: string): string {
  try {
    const { message, cause } = JSON.parse(body) as { message?: unknown; cause?: unknown }
    const text = typeof message === 'string' ? message : cause
    if (typeof text === 'string') return oneLine(text)
  } catch {
    // Proxies in between answer in words of their own.
  }
  return oneLine(body).slice(0, 500)
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}
