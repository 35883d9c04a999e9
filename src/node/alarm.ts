// SPDX-License-Identifier: Apache-2.0
// A sleep that can be cut short. Ringing while nobody sleeps is remembered once, so that a change which
// comes during the work is not slept over.
import type { Clock } from '../util/clock.ts'

/** Lets one loop sleep, and others wake it. */
export class Alarm {
  readonly #clock: Clock
  #hasRung = false
  #wake: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Ends the present sleep, or the next one at once. */
  ring(): void {
    this.#hasRung = true
    this.#wake?.()
  }

  /** Returns after `delayMs`, or at a ring; rejects with the signal's reason. */
  async sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (!this.#hasRung) {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const onAbort = (): void => reject(signal.reason)
      signal.addEventListener('abort', onAbort, { once: true })
      using _timer = this.#clock.setTimer(delayMs, resolve)
      this.#wake = resolve
      try {
        await promise
      } finally {
        this.#wake = undefined
        signal.removeEventListener('abort', onAbort)
      }
    }
    this.#hasRung = false
  }
}
