// SPDX-License-Identifier: Apache-2.0
// Work by key, level-driven: a key says "look at this again", never what happened to it. Invariants:
// a key is worked on by one worker at a time; a key added while it is worked on is worked on once
// more; keys come up in the order they were added; a failed key comes back, for ever, with growing
// delays. All of it O(1) per key, but for delayed ones, which lie in a heap.
import { backoffMs } from '../util/backoff.ts'
import type { BackoffOptions } from '../util/backoff.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { VkError, messageOf } from '../util/vk-error.ts'
import type { Metrics } from '../observe/metrics.ts'
import { DueHeap } from './due-heap.ts'
import { Fifo } from './fifo.ts'

/** A key that failed and will be tried again. */
export interface WorkFailure {
  readonly key: string
  readonly error: unknown
  /** Failures in a row, this one included. */
  readonly failures: number
  readonly retryInMs: number
}

export interface WorkQueueOptions {
  /** Names the queue in logs and metrics. */
  readonly name: string
  /** Keys worked on at the same time. */
  readonly concurrency: number
  readonly clock: Clock
  readonly log: Logger
  readonly metrics?: Metrics
  /** Delay after failures; default 250 ms, doubling up to 5 min, a quarter of it up to chance. */
  readonly backoff?: BackoffOptions
  readonly onFailure?: (failure: WorkFailure) => void
}

export interface WorkContext {
  /** Aborts when the queue is disposed of. */
  readonly signal: AbortSignal
  readonly log: Logger
}

/** Looks at the world for `key` and does what is to be done. Throwing means: again, later. */
export type WorkHandler = (
  key: string,
  context: WorkContext,
) => Promise<void | { readonly requeueAfterMs: number }>

const defaultBackoff: BackoffOptions = { baseMs: 250, factor: 2, capMs: 300_000, jitter: 0.25 }

// A failed key that is added again does not wait for its whole back-off (its pod may have been
// deleted), but for this long at most: a handler whose own writes add the key must not spin.
const maxWaitOfAddedMs = 1000

// Handlers that never wait would hold up the event loop; after so many starts it gets a turn.
const startsPerTurn = 256

interface Entry {
  phase: 'idle' | 'queued' | 'working' | 'workingDirty'
  failures: number
  /** Before this, `add` delays a failed key. */
  notBeforeMs: number
  /** When the key is added again by itself; Infinity: never. */
  dueMs: number
}

/** A queue of keys and the workers that empty it. */
export class WorkQueue implements AsyncDisposable {
  readonly #handle: WorkHandler
  readonly #options: WorkQueueOptions
  readonly #context: WorkContext
  readonly #entries = new Map<string, Entry>()
  readonly #ready = new Fifo<string>()
  readonly #delayed = new DueHeap()
  readonly #abort = new AbortController()
  readonly #running = new Set<Promise<void>>()
  readonly #idleWaiters: (() => void)[] = []
  readonly #depth: { set(value: number): void } | undefined
  readonly #workDuration: { observe(value: number): void } | undefined
  #timer: { readonly handle: Disposable; readonly dueMs: number } | undefined
  #startsInTurn = 0
  #isStarted = false
  #isPumpPlanned = false

  constructor(handle: WorkHandler, options: WorkQueueOptions) {
    this.#handle = handle
    this.#options = options
    this.#context = { signal: this.#abort.signal, log: options.log }
    const labels = { queue: options.name }
    this.#depth = options.metrics?.queueDepth.labels(labels)
    this.#workDuration = options.metrics?.queueWorkDuration.labels(labels)
  }

  /** Keys that are ready and wait for a worker; delayed ones and those in work do not count. */
  get depth(): number {
    return this.#ready.size
  }

  /** Lets the workers run from now on; keys added before are kept. */
  start(): void {
    this.#isStarted = true
    this.#planPump()
  }

  /**
   * Has `key` worked on: at once when it is idle, once more when it is being worked on. A key whose
   * last work failed may be held back for up to a second.
   */
  add(key: string): void {
    if (this.#abort.signal.aborted) return
    const entry = this.#entryOf(key)
    if (entry.phase === 'working') entry.phase = 'workingDirty'
    if (entry.phase !== 'idle') return
    if (entry.notBeforeMs > this.#options.clock.monotonicMs()) {
      this.#delayUntil(key, entry, entry.notBeforeMs)
      return
    }
    this.#makeReady(key, entry)
  }

  /** Adds `key` after `delayMs`. Of several delays of one key the earliest counts, alone. */
  addAfter(key: string, delayMs: number): void {
    if (delayMs <= 0) {
      this.add(key)
      return
    }
    if (this.#abort.signal.aborted) return
    this.#delayUntil(key, this.#entryOf(key), this.#options.clock.monotonicMs() + delayMs)
  }

  /** Failures in a row of `key`; 0 after a success. */
  failuresOf(key: string): number {
    return this.#entries.get(key)?.failures ?? 0
  }

  /** Resolves when no key is ready or in work. Delayed keys, failed ones too, are not waited for. */
  whenIdle(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve()
    return new Promise((resolve) => this.#idleWaiters.push(resolve))
  }

  /** Aborts what is in work, waits for its end, and forgets all keys. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort()
    this.#timer?.handle[Symbol.dispose]()
    this.#timer = undefined
    await Promise.all(this.#running)
    this.#ready.clear()
    this.#entries.clear()
    this.#depth?.set(0)
    this.#tellIdle()
  }

  #entryOf(key: string): Entry {
    const known = this.#entries.get(key)
    if (known) return known
    const entry: Entry = { phase: 'idle', failures: 0, notBeforeMs: 0, dueMs: Infinity }
    this.#entries.set(key, entry)
    return entry
  }

  #makeReady(key: string, entry: Entry): void {
    entry.phase = 'queued'
    this.#ready.push(key)
    this.#depth?.set(this.#ready.size)
    this.#planPump()
  }

  // Work starts in a microtask, so that `add` never runs a handler inside its caller.
  #planPump(): void {
    if (this.#isPumpPlanned || !this.#isStarted) return
    this.#isPumpPlanned = true
    queueMicrotask(() => {
      this.#isPumpPlanned = false
      this.#pump()
    })
  }

  #pump(): void {
    while (this.#running.size < this.#options.concurrency && !this.#abort.signal.aborted) {
      if (this.#ready.size === 0 || !this.#mayStartInThisTurn()) break
      const key = this.#ready.shift()
      if (key === undefined) break
      const work = this.#work(key, this.#entryOf(key))
      this.#running.add(work)
      void work.then(() => this.#afterWork(work))
    }
    this.#depth?.set(this.#ready.size)
  }

  #mayStartInThisTurn(): boolean {
    if (this.#startsInTurn === 0) {
      setImmediate(() => {
        this.#startsInTurn = 0
        this.#planPump()
      })
    }
    if (this.#startsInTurn === startsPerTurn) return false
    this.#startsInTurn += 1
    return true
  }

  #afterWork(work: Promise<void>): void {
    this.#running.delete(work)
    if (this.#ready.size > 0) this.#planPump()
    this.#tellIdle()
  }

  // Never rejects: whatever the handler throws becomes a retry.
  async #work(key: string, entry: Entry): Promise<void> {
    entry.phase = 'working'
    const { clock } = this.#options
    const startMs = clock.monotonicMs()
    let requeueAfterMs: number | undefined
    try {
      requeueAfterMs = (await this.#handle(key, this.#context))?.requeueAfterMs
      entry.failures = 0
      entry.notBeforeMs = 0
    } catch (error) {
      if (!this.#abort.signal.aborted) requeueAfterMs = this.#fail(key, entry, error)
    }
    this.#workDuration?.observe((clock.monotonicMs() - startMs) / 1000)
    this.#settle(key, entry, requeueAfterMs)
  }

  #fail(key: string, entry: Entry, error: unknown): number {
    const { name, clock, log, metrics, onFailure, backoff = defaultBackoff } = this.#options
    entry.failures += 1
    const { failures } = entry
    const wishMs = error instanceof VkError ? (error.retryAfterMs ?? 0) : 0
    const retryInMs = Math.max(backoffMs(failures, backoff), wishMs)
    entry.notBeforeMs = clock.monotonicMs() + Math.min(retryInMs, maxWaitOfAddedMs)
    metrics?.queueRetries.inc({ queue: name })
    const fields = { queue: name, key, failures, retryInMs: Math.round(retryInMs) }
    log.warn({ ...fields, error: messageOf(error) }, 'Work failed and will be tried again')
    try {
      onFailure?.({ key, error, failures, retryInMs })
    } catch (thrown) {
      log.error({ queue: name, key, error: messageOf(thrown) }, 'Listener for failed work failed')
    }
    return retryInMs
  }

  // Work on `key` has ended: decides when it comes up next, if at all.
  #settle(key: string, entry: Entry, requeueAfterMs: number | undefined): void {
    const isDirty = entry.phase === 'workingDirty'
    entry.phase = 'idle'
    if (this.#abort.signal.aborted) return
    if (requeueAfterMs !== undefined) this.addAfter(key, requeueAfterMs)
    if (isDirty) this.add(key)
    if (entry.phase === 'idle') this.#forgetIfDone(key, entry)
  }

  #forgetIfDone(key: string, entry: Entry): void {
    if (entry.failures === 0 && entry.dueMs === Infinity) this.#entries.delete(key)
  }

  #delayUntil(key: string, entry: Entry, dueMs: number): void {
    if (dueMs >= entry.dueMs) return
    // A later due time of the same key stays in the heap; it is recognized by not matching.
    entry.dueMs = dueMs
    if (this.#delayed.size > 2 * this.#entries.size + 64) this.#dropStaleDelays()
    else this.#delayed.push({ key, dueMs })
    this.#setTimer()
  }

  #dropStaleDelays(): void {
    this.#delayed.clear()
    for (const [key, { dueMs }] of this.#entries) {
      if (dueMs !== Infinity) this.#delayed.push({ key, dueMs })
    }
  }

  #setTimer(): void {
    const next = this.#delayed.peek()
    if (next === undefined || (this.#timer && this.#timer.dueMs <= next.dueMs)) return
    this.#timer?.handle[Symbol.dispose]()
    const { clock } = this.#options
    const handle = clock.setTimer(next.dueMs - clock.monotonicMs(), () => this.#addDue())
    this.#timer = { handle, dueMs: next.dueMs }
  }

  #addDue(): void {
    this.#timer = undefined
    // Timers may fire up to a millisecond early.
    const nowMs = this.#options.clock.monotonicMs() + 1
    for (
      let next = this.#delayed.peek();
      next && next.dueMs <= nowMs;
      next = this.#delayed.peek()
    ) {
      this.#delayed.pop()
      const entry = this.#entries.get(next.key)
      if (entry?.dueMs !== next.dueMs) continue
      entry.dueMs = Infinity
      entry.notBeforeMs = 0
      this.add(next.key)
    }
    this.#setTimer()
  }

  #isIdle(): boolean {
    return this.#ready.size === 0 && this.#running.size === 0
  }

  #tellIdle(): void {
    if (!this.#isIdle()) return
    for (const resolve of this.#idleWaiters.splice(0)) resolve()
  }
}
