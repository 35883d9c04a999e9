// SPDX-License-Identifier: Apache-2.0
// When a pod takes its next step: as soon as something has happened, and at the time for which it has asked.
// One step runs at a time; what happens meanwhile makes another one follow, and one that failed is tried again.
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { messageOf } from '../util/vk-error.ts'

const retryStepMs = 10_000
/** A time that has passed without anything coming of it must not become a busy loop. */
const minWakeMs = 50

export interface StepLoopOptions {
  readonly clock: Clock
  readonly log: Logger
  /** Once it has aborted no step begins. */
  readonly signal: AbortSignal
  /** Something has happened: called at once, whatever a step under way waits for. */
  readonly woken: () => void
  /** Looks at everything anew. */
  readonly step: () => Promise<void>
  /** There is nothing more to do for now. */
  readonly rested: () => void
}

/** Takes steps until it is disposed of. */
export class StepLoop implements AsyncDisposable {
  readonly #options: StepLoopOptions
  #isDirty = false
  #stepping: Promise<void> | undefined
  #timer: Disposable | undefined
  #wakeAtMs = Infinity

  constructor(options: StepLoopOptions) {
    this.#options = options
  }

  /** Something has happened. */
  wake(): void {
    this.#isDirty = true
    const { signal, woken } = this.#options
    if (signal.aborted) return
    woken()
    this.#stepping ??= this.#run()
  }

  /** What the step under way does makes another one due. */
  repeat(): void {
    this.#isDirty = true
  }

  /** Wakes then, and not at the time that was named before; Infinity for never. */
  wakeAt(atMs: number): void {
    const { clock, signal } = this.#options
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
    this.#wakeAtMs = atMs
    if (atMs === Infinity || signal.aborted) return
    const delayMs = Math.max(atMs - clock.nowMs(), minWakeMs)
    this.#timer = clock.setTimer(delayMs, () => this.wake())
  }

  /** Wakes then if no earlier time was named. */
  wakeBy(atMs: number): void {
    this.wakeAt(Math.min(this.#wakeAtMs, atMs))
  }

  /** Waits for the step under way; its signal has to abort before. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.[Symbol.dispose]()
    await this.#stepping
  }

  async #run(): Promise<void> {
    const { clock, log, signal, step, rested } = this.#options
    // Whoever wakes the pod does so in the middle of something, and must not see it change yet.
    await Promise.resolve()
    try {
      while (this.#isDirty && !signal.aborted) {
        this.#isDirty = false
        await step()
      }
      rested()
    } catch (error) {
      log.error({ error: messageOf(error) }, 'Pod step failed and is tried again')
      // A wake that came meanwhile, a deletion say, does not wait for the pause after a failure.
      this.wakeAt(clock.nowMs() + (this.#isDirty ? minWakeMs : retryStepMs))
    } finally {
      this.#stepping = undefined
    }
  }
}
