// SPDX-License-Identifier: Apache-2.0
// A clock that stands still until a test moves it. Timers fire in order of their due time, and
// pending promises are given the event loop between two firings.
import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from './clock.ts'

interface Timer {
  readonly dueMs: number
  readonly order: number
  readonly fire: () => void
}

/** A Clock for tests; starts at `startMs` and moves only by `advance`. */
export class FakeClock implements Clock {
  #nowMs: number
  #order = 0
  readonly #timers = new Set<Timer>()

  constructor(startMs: number = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs
  }

  nowMs(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  setTimer(delayMs: number, fire: () => void): Disposable {
    const timer = { dueMs: this.#nowMs + Math.max(delayMs, 0), order: this.#order++, fire }
    this.#timers.add(timer)
    return { [Symbol.dispose]: () => void this.#timers.delete(timer) }
  }

  sleep(delayMs: number, { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    if (signal?.aborted) return Promise.reject(signal.reason)
    const timer = this.setTimer(delayMs, resolve)
    signal?.addEventListener(
      'abort',
      () => {
        timer[Symbol.dispose]()
        reject(signal.reason)
      },
      { once: true },
    )
    return promise
  }

  /** Number of timers that wait. */
  get pending(): number {
    return this.#timers.size
  }

  /** Milliseconds until the next timer fires, or undefined when none waits. */
  get nextInMs(): number | undefined {
    const next = this.#next()
    return next === undefined ? undefined : next.dueMs - this.#nowMs
  }

  /** Moves time on by `ms`, firing what falls due, and lets promises settle in between. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    await turn()
    for (let timer = this.#next(); timer && timer.dueMs <= untilMs; timer = this.#next()) {
      this.#timers.delete(timer)
      this.#nowMs = Math.max(this.#nowMs, timer.dueMs)
      timer.fire()
      await turn()
    }
    this.#nowMs = untilMs
    await turn()
  }

  #next(): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.#timers) {
      if (
        !next ||
        timer.dueMs < next.dueMs ||
        (timer.dueMs === next.dueMs && timer.order < next.order)
      ) {
        next = timer
      }
    }
    return next
  }
}
