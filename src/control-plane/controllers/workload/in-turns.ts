// SPDX-License-Identifier: Apache-2.0
// Many writes, some at a time. In this process a write may be done before anybody else gets a turn:
// five hundred of them at once would hold up every request for as long.
import { setImmediate as turn } from 'node:timers/promises'

/** So many are under way at a time. */
export const perTurn = 64

/** What `act` made of each item, in their order; other work gets its turn in between. */
export async function inTurns<T, R>(
  items: readonly T[],
  act: (item: T) => Promise<R>,
): Promise<readonly PromiseSettledResult<Awaited<R>>[]> {
  const results: PromiseSettledResult<Awaited<R>>[] = []
  for (let start = 0; start < items.length; start += perTurn) {
    if (start > 0) await turn()
    results.push(...(await Promise.allSettled(items.slice(start, start + perTurn).map(act))))
  }
  return results
}

/** What the first failed item failed with, if one did. */
export function firstFailure(
  results: readonly PromiseSettledResult<unknown>[],
): { readonly error: unknown } | undefined {
  const failed = results.find((result) => result.status === 'rejected')
  return failed && { error: failed.reason }
}
