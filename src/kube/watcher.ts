// SPDX-License-Identifier: Apache-2.0
// Follows a collection for ever: reads its state, then its changes, and finds its way back after
// closed, broken, silent and expired watches. Which state follows which is in watcher-state.ts; here
// is the work within a state.
import type { Metrics } from '../observe/metrics.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { messageOf } from '../util/vk-error.ts'
import { isGone } from './api-error.ts'
import type { KubeClient, ListPage, WatchEvent } from './kube-client.ts'
import type { Resource } from './resources.ts'
import type { StoredMeta } from './types.gen.ts'
import { failuresAfter, nextStep } from './watcher-state.ts'
import type { AttemptEnd, WatcherState } from './watcher-state.ts'

/** Whoever keeps what the watcher sees. Called in order, never concurrently. */
export interface WatcherSink<T> {
  /** A whole list begins: what is not applied until `listed` does not exist any more. */
  listing(): void
  apply(object: T): void
  remove(object: T): void
  listed(): void
}

export interface WatcherOptions {
  readonly namespace?: string
  readonly fieldSelector?: string
  readonly labelSelector?: string
  readonly clock: Clock
  readonly log: Logger
  readonly metrics?: Metrics
  readonly random?: () => number
  /** Told after each attempt that failed. */
  readonly onError?: (error: unknown) => void
}

interface Selection {
  readonly namespace?: string
  readonly fieldSelector?: string
  readonly labelSelector?: string
}

// The server is asked to end each watch after 5 to 10 minutes, so that watches spread over its
// replicas; a watch that outlives its time by this much has died unnoticed.
const minTimeoutSeconds = 300
const silenceMarginMs = 30_000
// A streamed list has to begin and to go on within this time.
const listSilenceMs = 60_000

/** Follows one collection, or a selection of it, on behalf of one sink. */
export class Watcher<T extends { readonly metadata: StoredMeta }> {
  readonly #client: KubeClient
  readonly #resource: Resource<T>
  readonly #options: WatcherOptions
  readonly #sink: WatcherSink<T>
  readonly #selection: Selection
  #lastError: unknown

  constructor(
    client: KubeClient,
    resource: Resource<T>,
    options: WatcherOptions & { readonly sink: WatcherSink<T> },
  ) {
    this.#client = client
    this.#resource = resource
    this.#options = options
    this.#sink = options.sink
    const { namespace, fieldSelector, labelSelector } = options
    this.#selection = {
      ...(namespace === undefined ? {} : { namespace }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
    }
  }

  /** Why the newest attempt failed; undefined while all is well. */
  get lastError(): unknown {
    return this.#lastError
  }

  /** Follows until the signal aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random = Math.random } = this.#options
    let state: WatcherState = { kind: 'streamList', failures: 0 }
    while (!signal.aborted) {
      const end = await (state.kind === 'pageList'
        ? this.#listPages(signal)
        : this.#followStream(state, signal))
      if (signal.aborted) return
      this.#report(state, end)
      const step = nextStep(state, end, random)
      state = step.state
      if (step.pauseMs <= 0) continue
      await clock.sleep(step.pauseMs, { signal }).catch(() => {
        // Only the abort ends a sleep early; the loop's condition sees it.
      })
    }
  }

  async #listPages(signal: AbortSignal): Promise<AttemptEnd> {
    let hasProgressed = false
    const openMs = 0
    try {
      let page: ListPage<T> | undefined
      do {
        page = await this.#client.list(this.#resource, {
          ...this.#selection,
          ...(page?.continue === undefined ? {} : { continue: page.continue }),
          signal,
        })
        if (!hasProgressed) this.#sink.listing()
        hasProgressed = true
        for (const object of page.items) this.#sink.apply(object)
      } while (page.continue !== undefined)
      this.#listed()
      const { resourceVersion } = page
      return { cause: { type: 'listed' }, resourceVersion, hasProgressed: true, openMs }
    } catch (error) {
      const cause = { type: 'failed', error } as const
      // Pages that were read do not make the next attempt likelier to get through.
      return { cause, resourceVersion: undefined, hasProgressed: false, openMs }
    }
  }

  async #followStream(
    state: Exclude<WatcherState, { kind: 'pageList' }>,
    signal: AbortSignal,
  ): Promise<AttemptEnd> {
    const { clock } = this.#options
    const timeoutSeconds = this.#timeoutSeconds()
    using silence = new Silence(clock, timeoutSeconds * 1000 + silenceMarginMs)
    let openedMs = Infinity
    const end = (cause: AttemptEnd['cause']): AttemptEnd => {
      return { ...progress, cause, openMs: Math.max(clock.monotonicMs() - openedMs, 0) }
    }
    const progress = { hasProgressed: false, resourceVersion: undefined as string | undefined }
    const isList = state.kind === 'streamList'
    if (isList) silence.limit(listSilenceMs)
    else progress.resourceVersion = state.resourceVersion
    try {
      const events = this.#client.watch(this.#resource, {
        ...this.#selection,
        ...(isList ? { sendInitialEvents: true } : { resourceVersion: state.resourceVersion }),
        timeoutSeconds,
        signal: AbortSignal.any([signal, silence.signal]),
        onOpen: () => {
          openedMs = clock.monotonicMs()
          this.#works()
        },
      })
      for await (const event of events) {
        silence.heard()
        if (!progress.hasProgressed && isList) this.#sink.listing()
        this.#take(event, progress)
        if (isList && progress.resourceVersion !== undefined) silence.limit(undefined)
      }
      return end({ type: 'closed' })
    } catch (error) {
      if (silence.signal.aborted) return end({ type: 'silent' })
      return end({ type: 'failed', error })
    }
  }

  // While a streamed list has not reached its end mark, `resourceVersion` stays undefined: breaking
  // off then means to begin anew.
  #take(
    event: WatchEvent<T>,
    progress: { hasProgressed: boolean; resourceVersion: string | undefined },
  ): void {
    this.#works()
    progress.hasProgressed = true
    const isListed = progress.resourceVersion !== undefined
    if (event.type === 'BOOKMARK') {
      if (event.isInitialEventsEnd && !isListed) this.#listed()
      if (event.isInitialEventsEnd || isListed) progress.resourceVersion = event.resourceVersion
      return
    }
    if (event.type === 'DELETED') this.#sink.remove(event.object)
    else this.#sink.apply(event.object)
    if (isListed) progress.resourceVersion = event.object.metadata.resourceVersion
  }

  #listed(): void {
    this.#works()
    this.#sink.listed()
  }

  #works(): void {
    if (this.#lastError === undefined) return
    this.#lastError = undefined
    this.#options.log.info({ resource: this.#resource.plural }, 'Watch works again')
  }

  #timeoutSeconds(): number {
    const { random = Math.random } = this.#options
    return Math.round(minTimeoutSeconds * (1 + random()))
  }

  #report(state: WatcherState, end: AttemptEnd): void {
    const { cause } = end
    if (cause.type === 'listed') return
    const { log, metrics, onError } = this.#options
    const resource = this.#resource.plural
    const isExpired = cause.type === 'failed' && isGone(cause.error)
    const word = isExpired ? 'expired' : cause.type === 'failed' ? 'error' : cause.type
    metrics?.watchRestarts.inc({ resource, cause: word })
    if (cause.type !== 'failed') {
      log.debug({ resource, state: state.kind, cause: word }, 'Watch ended and goes on')
      return
    }
    const error = messageOf(cause.error)
    if (isExpired) {
      log.info({ resource, error }, 'Watch lost its place; listing again')
      return
    }
    this.#lastError = cause.error
    log.warn({ resource, failures: failuresAfter(state, end), error }, 'Watch failed')
    onError?.(cause.error)
  }
}

/** Aborts when nothing was heard for too long. Looks at the time once per limit, not per event. */
class Silence implements Disposable {
  readonly #clock: Clock
  readonly #abort = new AbortController()
  readonly #longestMs: number
  #limitMs: number
  #heardMs: number
  #timer: Disposable

  constructor(clock: Clock, limitMs: number) {
    this.#clock = clock
    this.#longestMs = limitMs
    this.#limitMs = limitMs
    this.#heardMs = clock.monotonicMs()
    this.#timer = clock.setTimer(limitMs, () => this.#look())
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  heard(): void {
    this.#heardMs = this.#clock.monotonicMs()
  }

  /** A shorter limit from now on; undefined: the one that it was made with. */
  limit(limitMs: number | undefined): void {
    const nextMs = limitMs ?? this.#longestMs
    if (nextMs === this.#limitMs) return
    this.#limitMs = nextMs
    this.#timer[Symbol.dispose]()
    this.#timer = this.#clock.setTimer(nextMs, () => this.#look())
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]()
  }

  #look(): void {
    const leftMs = this.#heardMs + this.#limitMs - this.#clock.monotonicMs()
    if (leftMs <= 0) this.#abort.abort(new Error('Nothing was heard for too long'))
    else this.#timer = this.#clock.setTimer(leftMs, () => this.#look())
  }
}
