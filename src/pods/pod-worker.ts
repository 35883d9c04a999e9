// SPDX-License-Identifier: Apache-2.0
// Takes the steps that decide-pod.ts names, for one pod at a time: the only code that calls the backend
// about a pod or deletes one from the API. Each step notes its outcome in the record, and the next
// decision rests on that. A failure is never the pod's end: it becomes the reason why the pod waits, an
// event, and a later try.
//
// Success is told by the status alone: an event for each created, updated and deleted pod would
// double the writes of a busy node. Failures of the backend are Warning events by upstream's names.
import { isNotFound, isConflict } from '../kube/api-error.ts'
import { pods } from '../kube/resources.ts'
import type { CallContext } from '../provider/provider.ts'
import { messageOf } from '../util/vk-error.ts'
import type { BackendWatch } from './backend-watch.ts'
import { decidePod, mayRun } from './decide-pod.ts'
import type { PodStep } from './decide-pod.ts'
import type { PodRecord } from './known-pod.ts'
import type { PodAnswers } from './pod-answers.ts'
import type { PodLoop } from './pod-loop.ts'
import type { PodPublisher } from './pod-publisher.ts'
import { logFields } from './pod-reference.ts'
import type { PodResizes } from './pod-resizes.ts'
import { PodStarter } from './pod-starter.ts'
import { PodTroubles, noteSuccess } from './pod-troubles.ts'
import { shutdownFailure } from './wire-status.ts'

export interface PodWorkerOptions {
  readonly loop: PodLoop
  readonly publisher: PodPublisher
  readonly backend: BackendWatch
  readonly answers: PodAnswers
  readonly resizes: PodResizes
  /** The record is gone: whatever is held for this pod can go as well. */
  readonly release: (uid: string) => void
}

/** Far more than any pod needs in a row; a bound on what a fault in a decision can cost. */
const maxSteps = 20

type Step<D extends PodStep['do']> = Extract<PodStep, { readonly do: D }>

/** Works on pods by UID. */
export class PodWorker {
  readonly #options: PodWorkerOptions
  readonly #loop: PodLoop
  readonly #troubles: PodTroubles
  readonly #starter: PodStarter

  constructor(options: PodWorkerOptions) {
    this.#options = options
    this.#loop = options.loop
    this.#troubles = new PodTroubles(options.loop)
    this.#starter = new PodStarter({ ...options, troubles: this.#troubles })
  }

  /** Brings one pod as far as it can be brought now. */
  async work(uid: string, context: CallContext): Promise<void | { requeueAfterMs: number }> {
    for (let steps = 0; steps < maxSteps; steps++) {
      const record = this.#loop.records.get(uid)
      if (!record || context.signal.aborted) return undefined
      this.#tellEnd(record)
      const step = this.#decide(record)
      if (step.do === 'wait') return this.#rest(record, step)
      if (step.do === 'ignore') return undefined
      await this.#take(step, record, context)
    }
    return { requeueAfterMs: 1000 }
  }

  #decide(record: PodRecord): PodStep {
    const { nodeName, clock, records, isDraining, shutdownOrder, provider } = this.#loop
    return decidePod(record, {
      adoptsByStatus: provider.adoptsByStatus,
      nodeName,
      nowMs: clock.nowMs(),
      hasPredecessor: records.hasPredecessor(record),
      isDraining: isDraining(),
      shutdown: record.api && shutdownOrder(record.api),
    })
  }

  #tellEnd(record: PodRecord): void {
    if (record.isEndTold || !record.observed?.hasEnded) return
    record.isEndTold = true
    this.#loop.log.debug(logFields(record.ref), 'Pod ended')
  }

  #rest(record: PodRecord, { untilMs }: Step<'wait'>): void | { requeueAfterMs: number } {
    if (!mayRun(record)) this.#options.backend.untrack(record.ref.uid)
    this.#options.resizes.settle(record)
    const heldMs = this.#options.publisher.publish(record)
    const waitMs = untilMs === undefined ? Infinity : untilMs - this.#loop.clock.nowMs()
    const requeueAfterMs = Math.min(waitMs, heldMs ?? Infinity)
    return requeueAfterMs < Infinity ? { requeueAfterMs: Math.max(requeueAfterMs, 1) } : undefined
  }

  async #take(
    step: Exclude<PodStep, Step<'wait'> | Step<'ignore'>>,
    record: PodRecord,
    context: CallContext,
  ): Promise<void> {
    switch (step.do) {
      case 'confirmGone':
        return this.#confirmGone(record, context)
      case 'judge':
        return this.#starter.judge(record)
      case 'create':
        return this.#starter.create(record, context)
      case 'update':
        return this.#starter.update(record, context)
      case 'giveUp':
        return this.#starter.giveUp(record)
      case 'end':
        return this.#end(step, record, context)
      case 'cleanUp':
        return this.#cleanUp(record, context)
      case 'deleteFromApi':
        return this.#deleteFromApi(record, context)
      case 'forget':
        return this.#forget(record)
    }
  }

  async #end(step: Step<'end'>, record: PodRecord, context: CallContext): Promise<void> {
    const { provider, clock } = this.#loop
    const { ref } = record
    const { gracePeriodSeconds, deadlineMs, isShutdown } = step
    const failure = isShutdown && { failure: shutdownFailure }
    try {
      await provider.deletePod(ref, { gracePeriodSeconds, ...failure }, context)
    } catch (error) {
      if (!context.signal.aborted)
        this.#troubles.backendFailed(record, { reason: 'ProviderDeleteFailed', error })
      return
    }
    noteSuccess(record)
    record.ending = { deadlineMs, calledAtMs: clock.nowMs() }
    this.#options.backend.track(ref, 'soon')
    // What was never seen, or is not pushed, is looked at once; the polls do the rest.
    if (!record.observed || !provider.watchPods) await this.#lookOnce(record, context)
  }

  async #lookOnce(record: PodRecord, context: CallContext): Promise<void> {
    const { provider, log } = this.#loop
    try {
      const found = await provider.getPodStatuses([record.ref], context)
      const pod = found.get(record.ref.uid)
      if (!pod) record.mayExist = false
      else if (!record.observed?.hasEnded) record.observed = pod
    } catch (error) {
      log.debug({ error: messageOf(error) }, 'Cannot look at a pod that ends; the polls will')
    }
  }

  async #cleanUp(record: PodRecord, context: CallContext): Promise<void> {
    const { provider } = this.#loop
    const { ref } = record
    try {
      if (provider.cleanUpPod) await provider.cleanUpPod(ref, context)
      else if (!record.ending) await provider.deletePod(ref, { gracePeriodSeconds: 1 }, context)
    } catch (error) {
      if (!context.signal.aborted)
        this.#troubles.backendFailed(record, { reason: 'ProviderDeleteFailed', error })
      return
    }
    noteSuccess(record)
    record.mayExist = false
    record.isCleanedUp = true
    this.#options.backend.untrack(ref.uid)
    this.#options.release(ref.uid)
    this.#wakeSuccessors(record)
  }

  async #deleteFromApi(record: PodRecord, { signal }: CallContext): Promise<void> {
    const { client, clock, log } = this.#loop
    const { namespace, name, uid } = record.ref
    try {
      const options = { gracePeriodSeconds: 0, preconditions: { uid }, signal }
      await client.delete(pods, { namespace, name }, options)
    } catch (error) {
      if (signal.aborted) return
      // Not there, or another pod of that name: ours is gone, and the watch will say so.
      if (!isNotFound(error) && !isConflict(error)) {
        this.#troubles.apiFailed(record, { what: 'delete the pod', error })
        return
      }
    }
    noteSuccess(record)
    record.apiDeletedAtMs = clock.nowMs()
    log.debug(logFields(record.ref), 'Pod deleted from the API')
  }

  // A watch cache can lag or lie for a moment; what runs is not ended on its word alone.
  async #confirmGone(record: PodRecord, { signal }: CallContext): Promise<void> {
    const { client, nodeName, records } = this.#loop
    const { namespace, name, uid } = record.ref
    try {
      const { items } = await client.list(pods, {
        namespace,
        fieldSelector: `metadata.name=${name},spec.nodeName=${nodeName}`,
        signal,
      })
      const found = items.find((pod) => pod.metadata.uid === uid)
      if (found) records.noteApi(record, found)
      else if (!record.api) record.isGoneConfirmed = true
    } catch (error) {
      if (signal.aborted) return
      this.#troubles.apiFailed(record, { what: 'tell whether the pod is gone', error })
    }
  }

  #forget(record: PodRecord): void {
    const { uid } = record.ref
    this.#options.backend.untrack(uid)
    this.#options.publisher.forget(uid)
    this.#options.release(uid)
    for (const { ref } of this.#loop.records.forget(record)) this.#loop.wake(ref.uid)
  }

  #wakeSuccessors(record: PodRecord): void {
    for (const other of this.#loop.records.named(record.ref)) {
      if (other !== record) this.#loop.wake(other.ref.uid)
    }
  }
}
