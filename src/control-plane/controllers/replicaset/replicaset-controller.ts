// SPDX-License-Identifier: Apache-2.0
// Keeps as many pods as each ReplicaSet wants. One pass over one ReplicaSet: claim pods, create or
// delete, write the status. Reads are of the live store and passes of one ReplicaSet never overlap,
// so that nothing has to be expected of events.
import type { WorkQueue } from '../../../kube/work-queue.ts'
import { pods } from '../../../kube/resources.ts'
import type { Pod, ReplicaSet } from '../../../kube/types.gen.ts'
import { messageOf } from '../../../util/vk-error.ts'
import { deepEqual } from '../../objects/deep-equal.ts'
import type { ControllerContext, ObjectPlace, StartController } from '../cluster-api.ts'
import { matcherOf } from '../../../kube/label-matcher.ts'
import { claimObjects } from '../workload/claim.ts'
import { controllerQueue, wakeOnChange, wakeOwners } from '../workload/controller-queue.ts'
import { firstFailure, inTurns } from '../workload/in-turns.ts'
import { OwnedIndex } from '../workload/owned-index.ts'
import { controllerOf } from '../workload/owner-reference.ts'
import { podControl, podFromTemplate } from '../workload/pod-control.ts'
import { isPodActive, isPodTerminating, nextAvailableInMs } from '../workload/pod-facts.ts'
import { slowStart } from '../workload/slow-start.ts'
import { replicaSets } from '../workload/workload-resources.ts'
import { decideReplicaSet } from './decide-replicaset.ts'
import type { ReplicaSetActions } from './decide-replicaset.ts'
import { replicaSetStatus } from './replicaset-status.ts'

export const startReplicaSetController: StartController = (context) =>
  new ReplicaSetController(context)

class ReplicaSetController implements AsyncDisposable {
  readonly #context: ControllerContext
  readonly #pods: OwnedIndex<Pod>
  readonly #queue: WorkQueue
  readonly #subscriptions = new DisposableStack()

  constructor(context: ControllerContext) {
    const { api } = context
    this.#context = context
    this.#pods = this.#subscriptions.use(
      new OwnedIndex(api, { resource: pods, ownerKind: 'ReplicaSet' }),
    )
    this.#queue = controllerQueue((at) => this.#reconcile(at), context, { name: 'replicaset' })
    this.#subscriptions.use(wakeOnChange(this.#queue, api, replicaSets))
    this.#subscriptions.use(
      wakeOwners<Pod, ReplicaSet>(this.#queue, api, {
        resource: pods,
        ownerResource: replicaSets,
        sizeOf: (uid) => this.#pods.sizeOf(uid),
        wouldAdopt: ({ spec }, pod) => matcherOf(spec.selector).matches(pod.metadata.labels),
      }),
    )
    this.#queue.start()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#subscriptions.dispose()
    await this.#queue[Symbol.asyncDispose]()
  }

  async #reconcile(at: Required<ObjectPlace>): Promise<void | { requeueAfterMs: number }> {
    const { api, clock } = this.#context
    const replicaSet = api.get(replicaSets, at)
    if (!replicaSet) return
    const claimed = await this.#claim(replicaSet)
    const actions = decideReplicaSet({
      replicaSet,
      active: claimed.filter(isPodActive),
      related: () => this.#podsOfSiblings(replicaSet),
      nowMs: clock.nowMs(),
    })
    const failure = await this.#act(replicaSet, actions)
    const nowMs = clock.nowMs()
    const active = this.#activePods(replicaSet)
    await this.#writeStatus(replicaSet, { active, failure, nowMs })
    if (failure !== undefined) throw failure.error
    if (actions.isCapped) return { requeueAfterMs: 0 }
    const { minReadySeconds = 0 } = replicaSet.spec
    const requeueAfterMs = nextAvailableInMs(active, { minReadySeconds, nowMs })
    return requeueAfterMs === undefined ? undefined : { requeueAfterMs }
  }

  // Pods that have ended or are being deleted need no owner any more.
  async #claim(replicaSet: ReplicaSet): Promise<readonly Pod[]> {
    const { metadata, spec } = replicaSet
    const candidates = [
      ...this.#pods.owned(metadata.uid),
      ...this.#pods.orphans(metadata.namespace),
    ].filter(isPodActive)
    return await claimObjects(candidates, {
      api: this.#context.api,
      index: this.#pods,
      claimant: { owner: replicaSet, matches: matcherOf(spec.selector).matches },
      ownerResource: replicaSets,
      resource: pods,
    })
  }

  #ownPods({ metadata, spec }: ReplicaSet): readonly Pod[] {
    const { matches } = matcherOf(spec.selector)
    return this.#pods.owned(metadata.uid).filter((pod) => matches(pod.metadata.labels))
  }

  #activePods(replicaSet: ReplicaSet): readonly Pod[] {
    return this.#ownPods(replicaSet).filter(isPodActive)
  }

  #podsOfSiblings(replicaSet: ReplicaSet): readonly Pod[] {
    const controller = controllerOf(replicaSet.metadata)
    if (!controller) return this.#pods.owned(replicaSet.metadata.uid)
    return this.#context.api
      .list(replicaSets, replicaSet.metadata.namespace)
      .filter((other) => controllerOf(other.metadata)?.uid === controller.uid)
      .flatMap((other) => this.#pods.owned(other.metadata.uid))
  }

  async #act(
    replicaSet: ReplicaSet,
    { create, remove }: ReplicaSetActions,
  ): Promise<{ readonly error: unknown } | undefined> {
    const control = podControl({
      api: this.#context.api,
      owner: replicaSet,
      onCreated: (pod) => this.#pods.note(pod),
    })
    if (create > 0) {
      const owner = { owner: replicaSet, ownerResource: replicaSets }
      const pod = podFromTemplate(replicaSet.spec.template ?? {}, owner)
      return (await slowStart(create, () => control.create(pod))).failure
    }
    const failure = firstFailure(await inTurns(remove, (pod) => control.delete(pod)))
    return failure && { error: new Error(`unable to delete pods: ${messageOf(failure.error)}`) }
  }

  async #writeStatus(
    replicaSet: ReplicaSet,
    observed: {
      readonly active: readonly Pod[]
      readonly failure: { readonly error: unknown } | undefined
      readonly nowMs: number
    },
  ): Promise<void> {
    const { active, failure, nowMs } = observed
    const status = replicaSetStatus(replicaSet, {
      active,
      terminating: this.#ownPods(replicaSet).filter(isPodTerminating).length,
      failure: failure && messageOf(failure.error),
      nowMs,
    })
    if (deepEqual(status, replicaSet.status)) return
    await this.#context.api.updateStatus(replicaSets, { ...replicaSet, status })
  }
}
