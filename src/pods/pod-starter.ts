// SPDX-License-Identifier: Apache-2.0
// The steps by which a pod comes to run: judged once, resolved where the backend wants that, created or
// adopted, and told of changes.
import type { Pod } from '../kube/types.gen.ts'
import type { CallContext, PodRequest } from '../provider/provider.ts'
import { codeOf, messageOf } from '../util/vk-error.ts'
import type { BackendWatch } from './backend-watch.ts'
import { featureCheckOf, judgeChange, judgePod } from './judge-pod.ts'
import type { PodRecord } from './known-pod.ts'
import type { PodAnswers } from './pod-answers.ts'
import type { PodLoop } from './pod-loop.ts'
import { logFields, podReference } from './pod-reference.ts'
import type { PodResizes } from './pod-resizes.ts'
import type { PodTroubles } from './pod-troubles.ts'
import { noteSuccess } from './pod-troubles.ts'
import { refusedContainers, withoutRefused } from './refused-containers.ts'
import { grantedPod } from './resize-state.ts'

export interface PodStarterOptions {
  readonly loop: PodLoop
  readonly backend: BackendWatch
  readonly answers: PodAnswers
  readonly troubles: PodTroubles
  readonly resizes: PodResizes
}

const nodeUnknownRetryMs = 250

/** Starts the pods of one node. */
export class PodStarter {
  readonly #options: PodStarterOptions
  readonly #loop: PodLoop
  readonly #troubles: PodTroubles

  constructor(options: PodStarterOptions) {
    this.#options = options
    this.#loop = options.loop
    this.#troubles = options.troubles
  }

  /** Notes that its containers are lost and may not run again. */
  giveUp(record: PodRecord): void {
    this.#loop.log.warn(logFields(record.ref), 'The backend lost a pod that may not run again')
    record.isLost = true
  }

  /** Admission and features. */
  judge(record: PodRecord): void {
    const { nodeFacts, provider, featureCheck, records, recorder, isDraining, clock } = this.#loop
    const { api } = record
    const node = nodeFacts()
    if (!api) return
    if (record.observed) {
      // It runs already: taken on by an earlier process that could not say so any more.
      record.verdict = { kind: 'admitted' }
      records.admitted.set(grantedPod(record, api))
      return
    }
    if (!node) {
      // Nothing can be said before the node knows itself; come back in a moment.
      record.retryAtMs = clock.nowMs() + nodeUnknownRetryMs
      return
    }
    const { features } = provider
    const others = records.admitted
    const context = { node, features, featureCheck, others, isDraining: isDraining() }
    const { verdict, events } = judgePod(api, context)
    record.verdict = verdict
    if (verdict.kind === 'admitted') records.admitted.set(grantedPod(record, api))
    for (const event of events) recorder.record(podReference(api), event)
  }

  /** Hands the pod to the backend, which starts or adopts it. */
  async create(record: PodRecord, context: CallContext): Promise<void> {
    const { provider, clock, log } = this.#loop
    const { api } = record
    if (!api) return
    const creating = new AbortController()
    record.creating = creating
    using _link = passAbort(context.signal, creating)
    let request: PodRequest
    try {
      request = await this.#requestFor(this.#toHandOver(record, api))
    } catch (error) {
      record.creating = undefined
      if (!creating.signal.aborted) this.#troubles.cannotResolve(record, api, error)
      return
    }
    if (creating.signal.aborted) {
      // Deleted while its references were read: there is nothing to make any more.
      record.creating = undefined
      return
    }
    // From here on something may exist, whatever answer arrives, or none.
    record.mayExist = true
    try {
      await provider.createPod(request, { signal: creating.signal, log: context.log })
      noteSuccess(record)
      record.accepted = api
      record.acceptedAtMs = clock.nowMs()
      record.misses = 0
      log.debug(logFields(record.ref), 'Pod taken on by the backend')
      this.#options.backend.track(record.ref, record.observed ? 'steady' : 'soon')
    } catch (error) {
      // Aborted: the pod is deleted, or we stop. Either way the next decision knows.
      if (creating.signal.aborted) return
      if (codeOf(error) === 'Unsupported') this.#troubles.unsupported(record, api, messageOf(error))
      else this.#troubles.backendFailed(record, { reason: 'ProviderCreateFailed', error })
    } finally {
      record.creating = undefined
    }
  }

  /** The pod with what it was granted, and without ephemeral containers that cannot be had here. */
  #toHandOver(record: PodRecord, api: Pod): Pod {
    const { provider } = this.#loop
    const featureCheck = featureCheckOf(api, this.#loop.featureCheck)
    const { observed } = record
    const refused = refusedContainers(api, { provider, featureCheck, observed })
    this.#troubles.containersRefused(record, api, refused)
    return withoutRefused(this.#options.resizes.grant(record, api), refused)
  }

  #requestFor(pod: Pod): Promise<PodRequest> {
    const { provider, nodeIPs } = this.#loop
    const { answers } = this.#options
    if (provider.resolves === 'container') return Promise.resolve(answers.requestFor(pod))
    return answers.resolvedRequestFor(pod, { podIPs: [], hostIPs: nodeIPs() })
  }

  /** Tells the backend what has changed. */
  async update(record: PodRecord, context: CallContext): Promise<void> {
    const { provider, featureCheck, recorder } = this.#loop
    const { api } = record
    if (!api) return
    const { isNudged } = record
    // Before the call: what changes while it is under way asks for another one.
    record.isNudged = false
    try {
      const request = this.#options.answers.requestFor(this.#toHandOver(record, api))
      await provider.updatePod(request, context)
      noteSuccess(record)
      const { features } = provider
      const events = judgeChange(record.accepted ?? api, api, { features, featureCheck })
      for (const event of events) recorder.record(podReference(api), event)
      record.accepted = api
    } catch (error) {
      record.isNudged ||= isNudged
      if (!context.signal.aborted)
        this.#troubles.backendFailed(record, { reason: 'ProviderUpdateFailed', error })
    }
  }
}

/** Passes the abort of one signal on, until it is disposed of. */
function passAbort(from: AbortSignal, to: AbortController): Disposable {
  const abort = (): void => to.abort(from.reason)
  from.addEventListener('abort', abort, { once: true })
  return { [Symbol.dispose]: () => from.removeEventListener('abort', abort) }
}
