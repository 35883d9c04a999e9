// SPDX-License-Identifier: Apache-2.0
//
// Polling for scenarios against a real cluster, where nothing offers an event to wait for.
// Only for end-to-end tests: a unit test that polls is a unit test that flakes.
import { setTimeout as sleep } from 'node:timers/promises'
import { provider } from './scenario-provider.ts'

/** How to wait, and what for. */
export interface EventuallyOptions {
  /** Completes the sentence "Timed out after 120000 ms waiting for …". */
  readonly what: string
  /** Default two minutes, which no machine is too busy for; more on a provider that is slow. */
  readonly timeoutMs?: number
  /** Pause between two attempts; default 50 ms. */
  readonly intervalMs?: number
}

/**
 * Calls `attempt` until it returns something else than `false`, `null` or `undefined` without
 * throwing, and returns that. When time is over, throws with the last error as the cause.
 */
export async function eventually<T>(
  attempt: () => T | Promise<T>,
  { what, timeoutMs = 120_000, intervalMs = 50 }: EventuallyOptions,
): Promise<Exclude<T, false | null | undefined | void>> {
  const deadline = performance.now() + timeoutMs * provider.patience
  let cause: unknown
  do {
    try {
      const result = await attempt()
      if (isSettled(result)) return result
      cause = undefined
    } catch (error) {
      cause = error
    }
    await sleep(intervalMs)
  } while (performance.now() < deadline)
  const why = cause instanceof Error ? ` (${cause.message})` : ''
  throw new Error(`Timed out after ${timeoutMs * provider.patience} ms waiting for ${what}${why}`, {
    cause,
  })
}

function isSettled<T>(result: T): result is Exclude<T, false | null | undefined | void> {
  return result !== false && result !== null && result !== undefined
}
