// SPDX-License-Identifier: Apache-2.0
// Many calls of the same kind, which tend to fail alike: one first, then twice as many each time. A
// quota that refuses pods is then hit once, not ten thousand times.
import { setImmediate as turn } from 'node:timers/promises'
import { firstFailure, perTurn } from './in-turns.ts'

/** How far `slowStart` came. */
export interface SlowStartResult {
  readonly succeeded: number
  /** What the first failed call threw, if one failed. */
  readonly failure: { readonly error: unknown } | undefined
}

/** Calls `act` for 0 … count - 1 in growing batches; a batch with a failure is the last. */
export async function slowStart(
  count: number,
  act: (index: number) => Promise<unknown>,
): Promise<SlowStartResult> {
  let succeeded = 0
  let next = 0
  for (let size = 1; next < count; size = Math.min(2 * size, perTurn, count - next)) {
    if (size === perTurn) await turn()
    const batch = Array.from({ length: size }, (_, offset) => act(next + offset))
    next += size
    const results = await Promise.allSettled(batch)
    succeeded += results.filter(({ status }) => status === 'fulfilled').length
    const failure = firstFailure(results)
    if (failure) return { succeeded, failure }
  }
  return { succeeded, failure: undefined }
}
