// SPDX-License-Identifier: Apache-2.0
// Eyes on the backend. Three ways to learn of a pod's state, all ending in the same place: what the
// backend pushes, batched polls for pods whose news would otherwise not come (all of them where nothing
// is pushed; those that end or are missed where it is), and a full list from time to time, which also
// shows what the backend has lost and what nobody wants any more.
import type { CallContext, ObservedPod, PodRef } from '../provider/provider.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { runLoop } from '../util/run-loop.ts'
import { messageOf } from '../util/vk-error.ts'
import type { PodCalls } from './observed-provider.ts'

/** Takes what is seen. `askedAtMs` is when the question was put: what happened later is not in it. */
export interface BackendSink {
  seen(pod: ObservedPod): void
  /** The backend was asked for this pod and does not know it. */
  missing(ref: PodRef, askedAtMs: number): void
  listed(pods: readonly ObservedPod[], askedAtMs: number): void
}

export interface BackendWatchOptions {
  readonly clock: Clock
  readonly log: Logger
  /** Between two full lists; default 60 s. */
  readonly reconcileIntervalMs?: number
  /** Between two polls; default 5 s, and longer when the backend answers slowly. */
  readonly pollIntervalMs?: number
}

/** Pods that start or end are polled this often. */
const fastPollMs = 1000
const firstListRetryMs = 2000

/** How urgently news of a pod is wanted. */
export type Urgency = 'soon' | 'steady'

/** Watches all pods of one provider. */
export class BackendWatch implements AsyncDisposable {
  readonly #provider: PodCalls
  readonly #sink: BackendSink
  readonly #options: BackendWatchOptions
  readonly #abort = new AbortController()
  readonly #polled = new Map<string, { readonly ref: PodRef; readonly urgency: Urgency }>()
  readonly #listed = Promise.withResolvers<void>()
  #reconciling: Promise<void> = Promise.resolve()
  #pollInWork: Promise<void> = Promise.resolve()
  #subscription: Disposable | undefined
  #pollTimer: (Disposable & { readonly dueMs: number }) | undefined
  #isPolling = false
  #lastPollMs = 0

  constructor(provider: PodCalls, sink: BackendSink, options: BackendWatchOptions) {
    this.#provider = provider
    this.#sink = sink
    this.#options = options
  }

  /** Does the backend push, so that steady pods need no polls? */
  get isPushed(): boolean {
    return this.#provider.watchPods !== undefined
  }

  start(): void {
    this.#subscription = this.#provider.watchPods?.((pod) => {
      if (!this.#abort.signal.aborted) this.#sink.seen(pod)
    })
    const { clock, log, reconcileIntervalMs = 60_000 } = this.#options
    const { signal } = this.#abort
    const body = async (): Promise<void> => {
      await this.#list()
      await clock.sleep(reconcileIntervalMs, { signal })
    }
    const context = { signal, log, clock, pauseAfterErrorMs: firstListRetryMs }
    this.#reconciling = runLoop('pods-reconcile', body, context)
  }

  /** Resolves when the backend has listed its pods once; before, nobody knows what runs there. */
  whenListed(): Promise<void> {
    return this.#listed.promise
  }

  /** Includes this pod in the polls. With push, only `soon` has a meaning. */
  track(ref: PodRef, urgency: Urgency): void {
    if (this.isPushed && urgency === 'steady') {
      this.#polled.delete(ref.uid)
      return
    }
    if (this.#polled.get(ref.uid)?.urgency === urgency) return
    this.#polled.set(ref.uid, { ref, urgency })
    this.#arm(urgency)
  }

  /** Takes this pod out of the polls. */
  untrack(uid: string): void {
    this.#polled.delete(uid)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort()
    this.#subscription?.[Symbol.dispose]()
    this.#pollTimer?.[Symbol.dispose]()
    await Promise.all([this.#reconciling, this.#pollInWork])
  }

  get #context(): CallContext {
    return { signal: this.#abort.signal, log: this.#options.log }
  }

  async #list(): Promise<void> {
    const askedAtMs = this.#options.clock.nowMs()
    const pods = await this.#provider.listPods(this.#context)
    this.#sink.listed(pods, askedAtMs)
    this.#listed.resolve()
  }

  #arm(urgency: Urgency): void {
    if (this.#isPolling || this.#abort.signal.aborted) return
    const { clock, pollIntervalMs = 5000 } = this.#options
    const delayMs = urgency === 'soon' ? Math.min(fastPollMs, pollIntervalMs) : pollIntervalMs
    // A backend that answers slowly is asked less often.
    const dueMs = clock.monotonicMs() + Math.max(delayMs, 2 * this.#lastPollMs)
    if (this.#pollTimer && this.#pollTimer.dueMs <= dueMs) return
    this.#pollTimer?.[Symbol.dispose]()
    const timer = clock.setTimer(dueMs - clock.monotonicMs(), () => {
      this.#pollTimer = undefined
      this.#pollInWork = this.#poll()
    })
    this.#pollTimer = { dueMs, [Symbol.dispose]: () => timer[Symbol.dispose]() }
  }

  async #poll(): Promise<void> {
    if (this.#polled.size === 0) return
    this.#isPolling = true
    const { clock, log } = this.#options
    const startedMs = clock.monotonicMs()
    const askedAtMs = clock.nowMs()
    const refs = [...this.#polled.values()].map(({ ref }) => ref)
    try {
      const found = await this.#provider.getPodStatuses(refs, this.#context)
      for (const ref of refs) {
        const pod = found.get(ref.uid)
        if (pod) this.#sink.seen(pod)
        else this.#sink.missing(ref, askedAtMs)
      }
    } catch (error) {
      if (this.#abort.signal.aborted) return
      log.warn({ pods: refs.length, error: messageOf(error) }, 'Cannot poll pods; will retry')
    } finally {
      this.#isPolling = false
    }
    this.#lastPollMs = clock.monotonicMs() - startedMs
    const isUrgent = [...this.#polled.values()].some(({ urgency }) => urgency === 'soon')
    if (this.#polled.size > 0) this.#arm(isUrgent ? 'soon' : 'steady')
  }
}
