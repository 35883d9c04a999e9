// SPDX-License-Identifier: Apache-2.0
// A signal that aborts by itself, on the injected clock; AbortSignal.timeout knows only the real one.
import type { Clock } from '../util/clock.ts'
import { VkError } from '../util/vk-error.ts'

/** A signal with its timer; disposing stops the timer. */
export interface TimeLimit extends Disposable {
  readonly signal: AbortSignal
}

/** A signal that aborts with a Timeout error of this message after `afterMs`. */
export function timeLimit(
  clock: Clock,
  { afterMs, message }: { readonly afterMs: number; readonly message: string },
): TimeLimit {
  const abort = new AbortController()
  const timer = clock.setTimer(afterMs, () => abort.abort(new VkError('Timeout', message)))
  return { signal: abort.signal, [Symbol.dispose]: () => timer[Symbol.dispose]() }
}
