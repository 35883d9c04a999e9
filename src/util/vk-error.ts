// SPDX-License-Identifier: Apache-2.0
// The one error type whose meaning the core acts on: a code says how to behave, not where it came
// from. The table below is the only place that maps a code to a retry, an HTTP status and so on.

/** What kind of failure it was; see `behaviourOf`. */
export type VkErrorCode =
  | 'NotFound'
  | 'Invalid'
  | 'Conflict'
  | 'Unauthorized'
  | 'Unavailable'
  | 'Timeout'
  | 'Unsupported'
  | 'QuotaExceeded'
  | 'Internal'

export interface VkErrorOptions {
  readonly cause?: unknown
  /** The waiting reason a container gets while this error stands, such as CreateContainerConfigError. */
  readonly podReason?: string
  /** The server's own wish for when to come back. */
  readonly retryAfterMs?: number
}

/** A failure with a code that decides what happens next. Message: `Cannot <do> <what>: <why>`. */
export class VkError extends Error {
  readonly code: VkErrorCode
  readonly podReason: string | undefined
  readonly retryAfterMs: number | undefined

  constructor(code: VkErrorCode, message: string, options: VkErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.name = 'VkError'
    this.code = code
    this.podReason = options.podReason
    this.retryAfterMs = options.retryAfterMs
  }
}

/** A mistake in flags, configuration or a manifest: printed as one line without a stack, exit 2. */
export class UserError extends Error {
  readonly hint: string | undefined

  constructor(message: string, options: { readonly hint?: string; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.name = 'UserError'
    this.hint = options.hint
  }
}

export interface Behaviour {
  readonly httpStatus: number
  /** May the same call succeed later although nobody changes the request? */
  readonly isTransient: boolean
  /** Waiting reason of a container when the error itself names none. */
  readonly podReason: string
}

const behaviours: Readonly<Record<VkErrorCode, Behaviour>> = {
  NotFound: { httpStatus: 404, isTransient: true, podReason: 'CreateContainerError' },
  Invalid: { httpStatus: 400, isTransient: false, podReason: 'CreateContainerConfigError' },
  Conflict: { httpStatus: 409, isTransient: true, podReason: 'CreateContainerError' },
  Unauthorized: { httpStatus: 401, isTransient: true, podReason: 'CreateContainerError' },
  Unavailable: { httpStatus: 503, isTransient: true, podReason: 'CreateContainerError' },
  Timeout: { httpStatus: 504, isTransient: true, podReason: 'CreateContainerError' },
  Unsupported: { httpStatus: 501, isTransient: false, podReason: 'UnsupportedPodSpec' },
  QuotaExceeded: { httpStatus: 429, isTransient: true, podReason: 'CreateContainerError' },
  Internal: { httpStatus: 500, isTransient: true, podReason: 'CreateContainerError' },
}

/** How the core treats an error; anything that is no VkError counts as Internal. */
export function behaviourOf(error: unknown): Behaviour {
  const behaviour = behaviours[codeOf(error)]
  const podReason = error instanceof VkError ? error.podReason : undefined
  return podReason === undefined ? behaviour : { ...behaviour, podReason }
}

export function codeOf(error: unknown): VkErrorCode {
  return error instanceof VkError ? error.code : 'Internal'
}

/** The message of whatever was thrown, in one line. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message.replaceAll(/\s*\n\s*/g, ' ')
}
