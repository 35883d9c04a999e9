// SPDX-License-Identifier: Apache-2.0
// Writes events to the API, off the path of what they tell of: a bounded queue, a few requests at a
// time, a limited rate, retries for about two minutes, and then the event is dropped and counted. What
// is tried again keeps its place among those few, so that an API server which is away for long is asked
// little, and costs little of what waits in the queue. Writes of one event never overtake each other,
// and repetitions that pile up meanwhile cost one write.
import type { Metrics } from '../observe/metrics.ts'
import { backoffMs } from '../util/backoff.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { VkError, behaviourOf, messageOf } from '../util/vk-error.ts'
import { isConflict, isNotFound, isRefused } from './api-error.ts'
import { EventCorrelator } from './event-correlator.ts'
import type { EventSeriesState } from './event-correlator.ts'
import type { EventRecorder, RecordedEvent } from './event-recorder.ts'
import { Fifo } from './fifo.ts'
import type { KubeClient } from './kube-client.ts'
import { events } from './resources.ts'
import type { ObjectReference } from './types.gen.ts'
import { wireTime } from '../util/wire-time.ts'

export interface ApiEventRecorderOptions {
  /** Reporting component, such as `kubelet`. */
  readonly component: string
  /** Reporting instance: the node's name. */
  readonly host: string
  readonly clock: Clock
  readonly log: Logger
  readonly metrics?: Metrics
}

const maxQueued = 4096
const concurrency = 4
// The kubelet's own limits.
const eventsPerSecond = 50
const burst = 100
const requestTimeoutMs = 10_000
const flushTimeoutMs = 5000
// The first two are soon, for a reply that was lost; then 10 s apart, as other clients do.
const maxAttempts = 14
const retry = { baseMs: 1000, factor: 3, capMs: 10_000, jitter: 0.2 }

interface Write {
  readonly series: EventSeriesState
  /** Count that the server has; 0 before it was created. */
  writtenCount: number
  phase: 'idle' | 'queued' | 'writing'
}

/** Records events in the API. */
export class ApiEventRecorder implements EventRecorder, AsyncDisposable {
  readonly #client: KubeClient
  readonly #options: ApiEventRecorderOptions
  readonly #correlator: EventCorrelator
  readonly #writes = new WeakMap<EventSeriesState, Write>()
  readonly #queue = new Fifo<Write>()
  readonly #abort = new AbortController()
  readonly #running = new Set<Promise<void>>()
  readonly #idleWaiters = new Set<() => void>()
  #tokens = burst
  #filledMs: number
  #timer: Disposable | undefined

  constructor(client: KubeClient, options: ApiEventRecorderOptions) {
    this.#client = client
    this.#options = options
    this.#correlator = new EventCorrelator(options.clock)
    this.#filledMs = options.clock.monotonicMs()
  }

  /** Takes an event down; it is written, folded or dropped later. */
  record(about: ObjectReference, event: RecordedEvent): void {
    if (this.#abort.signal.aborted) return
    const series = this.#correlator.take(about, event)
    if (!series) {
      this.#options.metrics?.eventsDropped.inc({ cause: 'rate' })
      return
    }
    let write = this.#writes.get(series)
    if (!write) {
      write = { series, writtenCount: 0, phase: 'idle' }
      this.#writes.set(series, write)
    }
    if (write.phase === 'idle') this.#enqueue(write)
  }

  /** Resolves when all that was recorded is written or dropped, after 5 s at the latest. */
  async flush(): Promise<void> {
    if (this.#isIdle()) return
    const { promise, resolve } = Promise.withResolvers<void>()
    using _timer = this.#options.clock.setTimer(flushTimeoutMs, resolve)
    this.#idleWaiters.add(resolve)
    await promise
    this.#idleWaiters.delete(resolve)
  }

  /** Drops what has not been written; call `flush` before where that matters. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort(new Error('Event recorder closed'))
    this.#timer?.[Symbol.dispose]()
    this.#queue.clear()
    await Promise.all(this.#running)
    this.#tellIdle()
  }

  #enqueue(write: Write): void {
    if (this.#queue.size >= maxQueued) {
      this.#options.metrics?.eventsDropped.inc({ cause: 'full' })
      write.phase = 'idle'
      return
    }
    write.phase = 'queued'
    this.#queue.push(write)
    this.#pump()
  }

  #pump(): void {
    while (this.#running.size < concurrency && !this.#abort.signal.aborted) {
      if (this.#queue.size === 0 || !this.#takeToken()) break
      const write = this.#queue.shift()
      if (!write) break
      const running = this.#write(write).finally(() => {
        this.#running.delete(running)
        this.#pump()
        this.#tellIdle()
      })
      this.#running.add(running)
    }
  }

  #takeToken(): boolean {
    const { clock } = this.#options
    const nowMs = clock.monotonicMs()
    const refill = ((nowMs - this.#filledMs) * eventsPerSecond) / 1000
    this.#tokens = Math.min(burst, this.#tokens + refill)
    this.#filledMs = nowMs
    if (this.#tokens >= 1) {
      this.#tokens -= 1
      return true
    }
    const waitMs = Math.ceil(((1 - this.#tokens) * 1000) / eventsPerSecond)
    this.#timer ??= clock.setTimer(waitMs, () => {
      this.#timer = undefined
      this.#pump()
    })
    return false
  }

  // Never rejects: an event that cannot be written is dropped.
  async #write(write: Write): Promise<void> {
    const { clock, log, metrics } = this.#options
    const { signal } = this.#abort
    const { series } = write
    write.phase = 'writing'
    for (let attempt = 1; !signal.aborted; attempt++) {
      const { count } = series
      try {
        await this.#send(write, signal)
        write.writtenCount = count
        break
      } catch (error) {
        if (signal.aborted) return
        if (attempt === maxAttempts || !isWorthRetrying(error)) {
          metrics?.eventsDropped.inc({ cause: 'error' })
          const { reason, message } = series.event
          log.warn({ reason, message, error: messageOf(error) }, 'Event was dropped')
          break
        }
        const wishMs = error instanceof VkError ? (error.retryAfterMs ?? 0) : 0
        const pauseMs = Math.max(backoffMs(attempt, retry), wishMs)
        await clock.sleep(pauseMs, { signal }).catch(() => {
          // Only the abort ends a sleep early; the loop's condition sees it.
        })
      }
    }
    write.phase = 'idle'
    if (write.writtenCount > 0 && series.count > write.writtenCount) this.#enqueue(write)
  }

  async #send({ series, writtenCount }: Write, signal: AbortSignal): Promise<void> {
    const options = { signal, timeoutMs: requestTimeoutMs }
    if (writtenCount > 0) {
      const { name, namespace, message, count } = series
      const body = { count, message, lastTimestamp: wireTime(series.lastMs) }
      try {
        await this.#client.patch(events, { namespace, name }, { type: 'strategic', body }, options)
        return
      } catch (error) {
        // The server forgets events after an hour: a repetition then starts a new one.
        if (!isNotFound(error)) throw error
      }
    }
    try {
      await this.#client.create(events, this.#wireEvent(series), options)
    } catch (error) {
      // The reply to an earlier try was lost: the event is there.
      if (!isConflict(error)) throw error
    }
  }

  #wireEvent(series: EventSeriesState) {
    const { component, host } = this.#options
    const { about, event, name, namespace, message, count } = series
    return {
      metadata: { name, namespace },
      involvedObject: about,
      type: event.type,
      reason: event.reason,
      message,
      count,
      firstTimestamp: wireTime(series.firstMs),
      lastTimestamp: wireTime(series.lastMs),
      source: { component, host },
      reportingComponent: component,
      reportingInstance: host,
    }
  }

  #isIdle(): boolean {
    return this.#queue.size === 0 && this.#running.size === 0
  }

  #tellIdle(): void {
    if (!this.#isIdle()) return
    for (const resolve of this.#idleWaiters) resolve()
  }
}

// A namespace that is gone or on its way out (404, 403) does not come back.
function isWorthRetrying(error: unknown): boolean {
  return behaviourOf(error).isTransient && !isNotFound(error) && !isRefused(error)
}
