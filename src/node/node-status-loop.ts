// SPDX-License-Identifier: Apache-2.0
// When the Node object is looked at: every few seconds, and at once when something has changed. One
// pass at a time; a storm of changes makes one pass a second.
import { backoffMs } from '../util/backoff.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { runLoop } from '../util/run-loop.ts'
import { messageOf, VkError } from '../util/vk-error.ts'
import { Alarm } from './alarm.ts'

export interface StatusLoopOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly intervalMs: number
  readonly random: () => number
}

const minGapMs = 1000
const jitter = 0.04

/** Calls `pass` again and again; the pass looks at the world and makes it right. */
export class StatusLoop implements AsyncDisposable {
  readonly #pass: (signal: AbortSignal) => Promise<void>
  readonly #options: StatusLoopOptions
  readonly #alarm: Alarm
  readonly #stop = new AbortController()
  #loop: Promise<void> | undefined
  #failures = 0
  /** When the last pass began that was not due by the interval. */
  #lastWokenMs = Number.NEGATIVE_INFINITY
  #waiters: (() => void)[] = []

  constructor(pass: (signal: AbortSignal) => Promise<void>, options: StatusLoopOptions) {
    this.#pass = pass
    this.#options = options
    this.#alarm = new Alarm(options.clock)
  }

  start(): void {
    const context = { ...this.#options, signal: this.#stop.signal }
    this.#loop ??= runLoop('node-status', () => this.#turn(), context)
  }

  /** Something may have changed: look soon. */
  wake(): void {
    this.#alarm.ring()
  }

  /** Resolves once a pass that began after this call has succeeded. */
  async flush(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiters.push(resolve)
    this.#alarm.ring()
    await promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new VkError('Unavailable', 'Cannot write the node: it has ended'))
    await this.#loop
  }

  async #turn(): Promise<void> {
    const { signal } = this.#stop
    const waiters = this.#waiters
    this.#waiters = []
    try {
      await this.#pass(signal)
      this.#succeeded()
      for (const resolve of waiters) resolve()
    } catch (error) {
      if (signal.aborted) return
      this.#waiters.unshift(...waiters)
      this.#failed(error)
    }
    await this.#pause(signal)
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const { clock, intervalMs, random } = this.#options
    const regularMs = intervalMs * (1 + jitter * (2 * random() - 1))
    const retries = { baseMs: 1000, factor: 2, capMs: intervalMs, jitter: 0.2 }
    const pauseMs = this.#failures > 0 ? backoffMs(this.#failures, retries, random) : regularMs
    const dueMs = clock.monotonicMs() + pauseMs
    await this.#alarm.sleep(pauseMs, signal)
    if (clock.monotonicMs() >= dueMs) return
    const earliestMs = this.#failures > 0 ? dueMs : this.#lastWokenMs + minGapMs
    await this.#waitUntil(earliestMs, signal)
    this.#lastWokenMs = clock.monotonicMs()
  }

  // Who waits for a pass (shutdown) is not held up, unless the API server refuses just now.
  async #waitUntil(earliestMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    for (;;) {
      const restMs = earliestMs - clock.monotonicMs()
      if (restMs <= 0 || (this.#waiters.length > 0 && this.#failures === 0)) return
      await this.#alarm.sleep(restMs, signal)
    }
  }

  #succeeded(): void {
    if (this.#failures > 0) this.#options.log.info({}, 'Node status is written again')
    this.#failures = 0
  }

  #failed(error: unknown): void {
    this.#failures++
    const level = this.#failures === 1 || this.#failures % 30 === 0 ? 'warn' : 'debug'
    this.#options.log[level]({ error: messageOf(error) }, 'Cannot write the node status yet')
  }
}
