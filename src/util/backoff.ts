// SPDX-License-Identifier: Apache-2.0
// How long to wait after the n-th failure in a row: exponential, capped, with jitter so that what
// failed together does not come back together. A pure function; whoever waits brings the clock.

/** The shape of an exponential back-off. */
export interface BackoffOptions {
  /** Delay after the first failure. */
  readonly baseMs: number
  /** What each further failure multiplies the delay by. */
  readonly factor: number
  /** No delay is longer than this. */
  readonly capMs: number
  /** Share of the delay, 0 to 1, that chance may take off. */
  readonly jitter: number
}

/**
 * Milliseconds to wait after `failures` failures in a row (1 = the first). The result lies within
 * `(1 - jitter) * delay` and `delay`, so the cap holds with jitter too.
 */
export function backoffMs(
  failures: number,
  options: BackoffOptions,
  random: () => number = Math.random,
): number {
  const { baseMs, factor, capMs, jitter } = options
  if (failures <= 0) return 0
  // 1,000 failures would overflow to Infinity, which min() cuts to the cap as well.
  const delayMs = Math.min(baseMs * factor ** (failures - 1), capMs)
  return delayMs * (1 - jitter * random())
}
