// SPDX-License-Identifier: Apache-2.0
// How long a pod waits for the next try to pull an image: 10 s, 20 s, … up to 300 s, counted by image; an
// image that was left alone for ten minutes starts anew. Whoever waits is shown the failure first, then that
// it waits.
import type { Failure, StartFailure } from './pod-state.ts'

export interface ImageBackoff {
  readonly delayMs: number
  readonly failedAtMs: number
}

const firstDelayMs = 10_000
const maxDelayMs = 300_000
/** So long the failure itself is shown. */
const shownMs = 5000

const pullReasons: ReadonlySet<string> = new Set([
  'ErrImagePull',
  'RegistryUnavailable',
  'SignatureValidationFailed',
])

/** Is this waiting reason one of an image that could not be had? */
export function isPullFailure(reason: string): boolean {
  return pullReasons.has(reason)
}

/** The back-off after one more failure. */
export function nextImageBackoff(before: ImageBackoff | undefined, nowMs: number): ImageBackoff {
  const isOld = before === undefined || nowMs - before.failedAtMs > 2 * maxDelayMs
  const delayMs = isOld ? firstDelayMs : Math.min(before.delayMs * 2, maxDelayMs)
  return { delayMs, failedAtMs: nowMs }
}

/** How a failed pull is shown until it is tried again. */
export function pullFailure(
  image: string,
  { reason, message, backoff }: Failure & { readonly backoff: ImageBackoff },
): StartFailure {
  const { failedAtMs, delayMs } = backoff
  return {
    reason,
    message,
    retryAtMs: failedAtMs + delayMs,
    later: {
      reason: 'ImagePullBackOff',
      message: `Back-off pulling image "${image}": ${reason}: ${message}`,
      fromMs: failedAtMs + Math.min(shownMs, delayMs),
    },
  }
}
