// SPDX-License-Identifier: Apache-2.0
// Ends a connection on which nothing has moved for too long.
import type { Clock } from '../../util/clock.ts'

/** Calls `expire` when `note` was not called for so long. */
export class IdleWatch implements Disposable {
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #expire: () => void
  #lastMs: number
  #timer: Disposable

  constructor(options: {
    readonly clock: Clock
    readonly timeoutMs: number
    readonly expire: () => void
  }) {
    this.#clock = options.clock
    this.#timeoutMs = options.timeoutMs
    this.#expire = options.expire
    this.#lastMs = options.clock.monotonicMs()
    this.#timer = this.#arm(options.timeoutMs)
  }

  /** Something has moved. */
  note(): void {
    this.#lastMs = this.#clock.monotonicMs()
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]()
  }

  #arm(delayMs: number): Disposable {
    return this.#clock.setTimer(delayMs, () => {
      const leftMs = this.#lastMs + this.#timeoutMs - this.#clock.monotonicMs()
      if (leftMs <= 0) this.#expire()
      else this.#timer = this.#arm(leftMs)
    })
  }
}
