// SPDX-License-Identifier: Apache-2.0
// Keeps one pod of each DaemonSet on every node that fits. One pass over one DaemonSet: claim pods and
// revisions, create and delete, write the status.
import { nodes, pods } from '../../../kube/resources.ts'
import type { WorkQueue } from '../../../kube/work-queue.ts'
import type { ControllerRevision, DaemonSet, Node, Pod } from '../../../kube/types.gen.ts'
import { deepEqual } from '../../objects/deep-equal.ts'
import type { ControllerContext, ObjectPlace, StartController } from '../cluster-api.ts'
import { matcherOf } from '../../../kube/label-matcher.ts'
import { claimObjects } from '../workload/claim.ts'
import { batchMs, controllerQueue, wakeOnChange, wakeOwners } from '../workload/controller-queue.ts'
import { firstFailure, inTurns } from '../workload/in-turns.ts'
import { OwnedIndex } from '../workload/owned-index.ts'
import { workKey } from '../workload/owner-reference.ts'
import { podControl } from '../workload/pod-control.ts'
import { nextAvailableInMs } from '../workload/pod-facts.ts'
import { podRevisionLabel, syncHistory, truncateHistory } from '../workload/revision-history.ts'
import type { RevisionHistory } from '../workload/revision-history.ts'
import { slowStart } from '../workload/slow-start.ts'
import { controllerRevisions, daemonSets } from '../workload/workload-resources.ts'
import { daemonPod } from './daemon-pod.ts'
import { viewDaemonSet } from './daemonset-view.ts'
import type { DaemonSetView } from './daemonset-view.ts'
import { daemonSetStatus } from './daemonset-status.ts'
import { decideDaemonSet } from './decide-daemonset.ts'
import type { DaemonSetActions } from './decide-daemonset.ts'
import { FailureWaits } from './failure-waits.ts'

/** One pass creates, and deletes, at most so many pods. */
const burst = 250

type Requeue = { readonly requeueAfterMs: number } | undefined

export const startDaemonSetController: StartController = (context) =>
  new DaemonSetController(context)

class DaemonSetController implements AsyncDisposable {
  readonly #context: ControllerContext
  readonly #pods: OwnedIndex<Pod>
  readonly #revisions: OwnedIndex<ControllerRevision>
  readonly #queue: WorkQueue
  readonly #waits = new FailureWaits()
  readonly #subscriptions = new DisposableStack()

  constructor(context: ControllerContext) {
    const { api } = context
    this.#context = context
    const ownerKind = 'DaemonSet'
    const index = new OwnedIndex(api, { resource: pods, ownerKind })
    this.#pods = this.#subscriptions.use(index)
    this.#revisions = this.#subscriptions.use(
      new OwnedIndex(api, { resource: controllerRevisions, ownerKind }),
    )
    this.#queue = controllerQueue((at) => this.#reconcile(at), context, { name: 'daemonset' })
    this.#subscriptions.use(wakeOnChange(this.#queue, api, daemonSets))
    this.#subscriptions.use(
      wakeOwners<Pod, DaemonSet>(this.#queue, api, {
        resource: pods,
        ownerResource: daemonSets,
        sizeOf: (uid) => index.sizeOf(uid),
        wouldAdopt: ({ spec }, pod) => matcherOf(spec.selector).matches(pod.metadata.labels),
      }),
    )
    this.#subscriptions.use(
      api.onChange(nodes, ({ current, previous }) => {
        if (!isSamePlace(current, previous)) this.#wakeAll()
      }),
    )
    this.#queue.start()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#subscriptions.dispose()
    await this.#queue[Symbol.asyncDispose]()
  }

  #wakeAll(): void {
    const { api } = this.#context
    for (const { metadata } of api.list(daemonSets)) {
      this.#queue.addAfter(workKey(metadata), batchMs(this.#pods.sizeOf(metadata.uid)))
    }
  }

  async #reconcile(at: Required<ObjectPlace>): Promise<Requeue> {
    const { api, clock } = this.#context
    const set = api.get(daemonSets, at)
    if (!set || set.metadata.deletionTimestamp !== undefined) return undefined
    if (selectsAll(set)) {
      const message = 'This daemon set is selecting all pods. A non-empty selector is required.'
      api.recordEvent(set, { type: 'Warning', reason: 'SelectingAll', message })
      return undefined
    }
    await this.#claim(set)
    const history = await syncHistory({
      api,
      index: this.#revisions,
      owner: set,
      ownerResource: daemonSets,
      hashLabel: podRevisionLabel,
      ...(set.metadata.annotations && { annotations: set.metadata.annotations }),
    })
    const view = this.#view(set, history)
    const key = (nodeName: string): string =>
      `${set.metadata.uid}/${set.status?.observedGeneration ?? 0}/${nodeName}`
    const actions = decideDaemonSet(view, (name) => this.#waits.leftMs(key(name), view.nowMs))
    for (const nodeName of actions.failedOn) this.#waits.note(key(nodeName), view.nowMs)
    const failure = await this.#act(view, actions)
    const after = this.#view(set, history)
    const status = daemonSetStatus(after, history.collisionCount)
    if (!deepEqual(status, set.status)) await api.updateStatus(daemonSets, { ...set, status })
    if (failure) throw failure.error
    await this.#truncate(after, history)
    const { minReadySeconds = 0 } = set.spec
    const nextMs = nextAvailableInMs(after.pods, { minReadySeconds, nowMs: clock.nowMs() })
    const isCapped = Math.max(actions.create.length, actions.remove.length) > burst
    const againInMs = isCapped ? 0 : Math.min(nextMs ?? Infinity, actions.retryInMs ?? Infinity)
    return againInMs === Infinity ? undefined : { requeueAfterMs: againInMs }
  }

  async #act(
    { set, hash }: DaemonSetView,
    { create, remove, events }: DaemonSetActions,
  ): Promise<{ readonly error: unknown } | undefined> {
    const { api } = this.#context
    for (const event of events) api.recordEvent(set, event)
    const control = podControl({ api, owner: set, onCreated: (pod) => this.#pods.note(pod) })
    const { failure } = await slowStart(Math.min(create.length, burst), async (position) => {
      const nodeName = create[position] ?? ''
      await control.create(daemonPod(set, { nodeName, hash }))
    })
    const deleted = await inTurns(remove.slice(0, burst), (pod) => control.delete(pod))
    return failure ?? firstFailure(deleted)
  }

  #view(set: DaemonSet, { update }: RevisionHistory): DaemonSetView {
    const { api, clock } = this.#context
    const { matches } = matcherOf(set.spec.selector)
    const own = this.#pods.owned(set.metadata.uid)
    return viewDaemonSet({
      set,
      nodes: api.list(nodes),
      pods: own.filter(({ metadata }) => matches(metadata.labels)),
      hash: update.metadata.labels?.[podRevisionLabel] ?? '',
      nowMs: clock.nowMs(),
    })
  }

  async #claim(set: DaemonSet): Promise<void> {
    const { namespace, uid } = set.metadata
    const claimant = { owner: set, matches: matcherOf(set.spec.selector).matches }
    const options = { api: this.#context.api, claimant, ownerResource: daemonSets }
    await claimObjects([...this.#pods.owned(uid), ...this.#pods.orphans(namespace)], {
      ...options,
      index: this.#pods,
      resource: pods,
    })
    await claimObjects(this.#revisions.orphans(namespace), {
      ...options,
      index: this.#revisions,
      resource: controllerRevisions,
    })
  }

  async #truncate({ set, pods }: DaemonSetView, history: RevisionHistory): Promise<void> {
    const live = new Set(pods.map(({ metadata }) => metadata.labels?.[podRevisionLabel]))
    const { revisions, update } = history
    await truncateHistory(this.#context.api, {
      owner: set,
      revisions,
      isLive: (one) => one === update || live.has(one.metadata.labels?.[podRevisionLabel]),
    })
  }
}

function selectsAll({ spec }: DaemonSet): boolean {
  const { matchLabels = {}, matchExpressions = [] } = spec.selector
  return Object.keys(matchLabels).length === 0 && matchExpressions.length === 0
}

/** Whether a node's change makes no difference to where pods may be; its heartbeats do not. */
function isSamePlace(current: Node | undefined, previous: Node | undefined): boolean {
  if (!current || !previous) return false
  return (
    deepEqual(current.metadata.labels, previous.metadata.labels) &&
    deepEqual(current.spec.taints, previous.spec.taints)
  )
}
