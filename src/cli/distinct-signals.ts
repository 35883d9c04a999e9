// SPDX-License-Identifier: Apache-2.0
// Signals as a person means them. One Ctrl-C may arrive twice: the terminal sends it to every process in
// the foreground, and npm passes on what it got itself. The same within a moment counts once.
import { systemClock } from '../util/clock.ts'
import type { Clock } from '../util/clock.ts'

const momentMs = 300

/** Calls `listener` for each signal that is no echo of the one before; until disposed. */
export function onDistinctSignal(
  names: readonly NodeJS.Signals[],
  listener: (name: NodeJS.Signals) => void,
  { clock = systemClock }: { readonly clock?: Clock } = {},
): Disposable {
  const lastMs = new Map<NodeJS.Signals, number>()
  const onSignal = (name: NodeJS.Signals): void => {
    const nowMs = clock.monotonicMs()
    if (nowMs - (lastMs.get(name) ?? Number.NEGATIVE_INFINITY) < momentMs) return
    lastMs.set(name, nowMs)
    listener(name)
  }
  for (const name of names) process.on(name, onSignal)
  return {
    [Symbol.dispose]: () => {
      for (const name of names) process.off(name, onSignal)
    },
  }
}
