// SPDX-License-Identifier: Apache-2.0
// What one pod machine tells: each state once. A container that was just started is asked at once whether
// it is ready; the answer is mostly there in a moment, and waiting for it saves the API a write.
import type { ObservedPod } from '../provider/provider.ts'
import type { Clock } from '../util/clock.ts'

export interface PodNewsParts {
  readonly clock: Clock
  observed(): ObservedPod
  /** Will there be more to tell in a moment? */
  isMoreDue(): boolean
  publish(observed: ObservedPod): void
}

const patienceMs = 25

/** News of one pod. */
export class PodNews implements Disposable {
  readonly #parts: PodNewsParts
  #told = ''
  #timer: Disposable | undefined

  constructor(parts: PodNewsParts) {
    this.#parts = parts
  }

  /** Tells the pod's state, if it is another than was told. */
  tell(): void {
    this.#stopWaiting()
    const observed = this.#parts.observed()
    const text = JSON.stringify(observed)
    if (text === this.#told) return
    this.#told = text
    this.#parts.publish(observed)
  }

  /** The same, in a moment where more is due then. */
  tellSoon(): void {
    if (!this.#parts.isMoreDue()) return this.tell()
    this.#timer ??= this.#parts.clock.setTimer(patienceMs, () => this.tell())
  }

  [Symbol.dispose](): void {
    this.#stopWaiting()
  }

  #stopWaiting(): void {
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
  }
}
