// SPDX-License-Identifier: Apache-2.0
// Keeps the numbered pods of StatefulSets. One pass over one StatefulSet: claim pods and revisions, take
// the next steps, write the status; the pods' progress wakes it for the step after.
import { pods } from '../../../kube/resources.ts'
import type { WorkQueue } from '../../../kube/work-queue.ts'
import type {
  ControllerRevision,
  PersistentVolumeClaim,
  Pod,
  StatefulSet,
} from '../../../kube/types.gen.ts'
import { deepEqual } from '../../objects/deep-equal.ts'
import type { ControllerContext, ObjectPlace, StartController } from '../cluster-api.ts'
import { matcherOf } from '../../../kube/label-matcher.ts'
import { claimObjects } from '../workload/claim.ts'
import type { Claimant } from '../workload/claim.ts'
import { controllerQueue, wakeOnChange, wakeOwners } from '../workload/controller-queue.ts'
import { OwnedIndex } from '../workload/owned-index.ts'
import { workKey } from '../workload/owner-reference.ts'
import { nextAvailableInMs } from '../workload/pod-facts.ts'
import { syncHistory, truncateHistory } from '../workload/revision-history.ts'
import type { RevisionHistory } from '../workload/revision-history.ts'
import {
  controllerRevisions,
  persistentVolumeClaims,
  statefulSets,
} from '../workload/workload-resources.ts'
import { decideStatefulSet } from './decide-statefulset.ts'
import type { StatefulSetView } from './decide-statefulset.ts'
import { ordinalOf, revisionOfPod } from './stateful-identity.ts'
import { StatefulWriter } from './stateful-writer.ts'
import { statefulSetStatus } from './statefulset-status.ts'

type Requeue = { readonly requeueAfterMs: number } | undefined

export const startStatefulSetController: StartController = (context) =>
  new StatefulSetController(context)

class StatefulSetController implements AsyncDisposable {
  readonly #context: ControllerContext
  readonly #pods: OwnedIndex<Pod>
  readonly #revisions: OwnedIndex<ControllerRevision>
  readonly #queue: WorkQueue
  readonly #subscriptions = new DisposableStack()

  constructor(context: ControllerContext) {
    const { api } = context
    this.#context = context
    const ownerKind = 'StatefulSet'
    const index = new OwnedIndex(api, { resource: pods, ownerKind })
    this.#pods = this.#subscriptions.use(index)
    this.#revisions = this.#subscriptions.use(
      new OwnedIndex(api, { resource: controllerRevisions, ownerKind }),
    )
    this.#queue = controllerQueue((at) => this.#reconcile(at), context, { name: 'statefulset' })
    this.#subscriptions.use(wakeOnChange(this.#queue, api, statefulSets))
    this.#subscriptions.use(
      wakeOwners<Pod, StatefulSet>(this.#queue, api, {
        resource: pods,
        ownerResource: statefulSets,
        sizeOf: (uid) => index.sizeOf(uid),
        wouldAdopt: (set, pod) => isMember(set, pod),
      }),
    )
    this.#subscriptions.use(
      api.onChange(persistentVolumeClaims, ({ current, previous }) => {
        if (!current && previous) this.#wakeWaiting(previous)
      }),
    )
    this.#queue.start()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#subscriptions.dispose()
    await this.#queue[Symbol.asyncDispose]()
  }

  // A pod waits for the end of a claim that belongs to its predecessor of the same name.
  #wakeWaiting({ metadata }: PersistentVolumeClaim): void {
    for (const { kind, name } of metadata.ownerReferences ?? []) {
      const setName = kind === 'Pod' ? /^(.*)-\d+$/.exec(name)?.[1] : undefined
      if (setName === undefined) continue
      this.#queue.add(workKey({ namespace: metadata.namespace, name: setName }))
    }
  }

  async #reconcile(at: Required<ObjectPlace>): Promise<Requeue> {
    const { api, clock } = this.#context
    const set = api.get(statefulSets, at)
    if (!set) return undefined
    await this.#claim(set)
    const history = await syncHistory({
      api,
      index: this.#revisions,
      owner: set,
      ownerResource: statefulSets,
      hashLabel: 'controller.kubernetes.io/hash',
      ...(set.metadata.annotations && { annotations: set.metadata.annotations }),
    })
    const failure = await this.#takeSteps(set, history)
    const view = this.#view(set, history)
    const status = statefulSetStatus(view, history.collisionCount)
    if (!deepEqual(status, set.status)) {
      await api.updateStatus(statefulSets, { ...set, status })
    }
    if (failure) throw failure.error
    await this.#truncate(view, history)
    const { minReadySeconds = 0 } = set.spec
    const requeueAfterMs = nextAvailableInMs(view.pods, { minReadySeconds, nowMs: clock.nowMs() })
    return requeueAfterMs === undefined ? undefined : { requeueAfterMs }
  }

  async #takeSteps(
    set: StatefulSet,
    { revisions, update }: RevisionHistory,
  ): Promise<{ readonly error: unknown } | undefined> {
    const current = revisions.find(({ metadata }) => metadata.name === set.status?.currentRevision)
    const writer = new StatefulWriter({
      api: this.#context.api,
      set,
      revisions: [current ?? update, update],
      onCreated: (pod) => this.#pods.note(pod),
    })
    try {
      const view = this.#view(set, { revisions, update })
      for (const step of decideStatefulSet(view)) await writer.take(step)
      return undefined
    } catch (error) {
      return { error }
    }
  }

  #view(
    set: StatefulSet,
    { revisions, update }: Pick<RevisionHistory, 'revisions' | 'update'>,
  ): StatefulSetView {
    const current = revisions.find(({ metadata }) => metadata.name === set.status?.currentRevision)
    return {
      set,
      pods: this.#pods.owned(set.metadata.uid).filter((pod) => isMember(set, pod)),
      currentRevision: (current ?? update).metadata.name,
      updateRevision: update.metadata.name,
      nowMs: this.#context.clock.nowMs(),
    }
  }

  async #claim(set: StatefulSet): Promise<void> {
    const { metadata, spec } = set
    const claimant: Claimant = { owner: set, matches: matcherOf(spec.selector).matches }
    const options = { api: this.#context.api, claimant, ownerResource: statefulSets }
    const members = [
      ...this.#pods.owned(metadata.uid),
      ...this.#pods.orphans(metadata.namespace),
    ].filter((pod) => ordinalOf(set, pod.metadata.name) !== undefined)
    await claimObjects(members, { ...options, index: this.#pods, resource: pods })
    const revisions = this.#revisions.orphans(metadata.namespace)
    const revisionOptions = { ...options, index: this.#revisions, resource: controllerRevisions }
    await claimObjects(revisions, revisionOptions)
  }

  async #truncate(view: StatefulSetView, { revisions }: RevisionHistory): Promise<void> {
    const { set, currentRevision, updateRevision } = view
    const live = new Set([currentRevision, updateRevision, ...view.pods.map(revisionOfPod)])
    await truncateHistory(this.#context.api, {
      owner: set,
      revisions,
      isLive: ({ metadata }) => live.has(metadata.name),
    })
  }
}

function isMember(set: StatefulSet, { metadata }: Pod): boolean {
  const isNamed = ordinalOf(set, metadata.name) !== undefined
  return isNamed && matcherOf(set.spec.selector).matches(metadata.labels)
}
