// SPDX-License-Identifier: Apache-2.0
// Time as a dependency: logic takes a Clock and never calls Date.now() or setTimeout itself, so that
// a whole day of back-off is a test of a millisecond.
import { setTimeout as delay } from 'node:timers/promises'

/** A source of time and timers. */
export interface Clock {
  /** Wall-clock time in milliseconds since the epoch; may jump. */
  nowMs(): number
  /** Milliseconds that never go backwards; for measuring durations. */
  monotonicMs(): number
  /** Calls `fire` once after `delayMs`, unless disposed before. Never keeps the process alive. */
  setTimer(delayMs: number, fire: () => void): Disposable
  /** Resolves after `delayMs`; rejects with the signal's reason when aborted. */
  sleep(delayMs: number, options?: { readonly signal?: AbortSignal }): Promise<void>
}

// Node fires a timer at once when its delay does not fit 32 bits; such a delay is cut to 24.8 days.
const maxDelayMs = 2 ** 31 - 1

/** The machine's own time. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  // Disposing of one of Node's timers clears it.
  setTimer: (delayMs, fire) => setTimeout(fire, Math.min(Math.max(delayMs, 0), maxDelayMs)).unref(),
  async sleep(delayMs, { signal } = {}) {
    const timed = delay(Math.min(Math.max(delayMs, 0), maxDelayMs), undefined, { signal })
    // Node rejects with an error of its own; callers want to know why they were stopped.
    await timed.catch((error: unknown) => {
      throw signal?.aborted ? signal.reason : error
    })
  },
}
