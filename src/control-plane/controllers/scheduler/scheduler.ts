// SPDX-License-Identifier: Apache-2.0
// The scheduler: finds a node for each pod that has none. Decisions are made one after another on a
// picture of the cluster that is kept in memory, in which a pod counts from the moment it is placed;
// writing bindings goes on beside it, many at a time. Pods that fit nowhere wait until something
// changes that may help.
import { nodes, pods, services } from '../../../kube/resources.ts'
import type { Node, Pod } from '../../../kube/types.gen.ts'
import { messageOf } from '../../../util/vk-error.ts'
import { deepEqual } from '../../objects/deep-equal.ts'
import type { ControllerContext, ObjectChange } from '../cluster-api.ts'
import { podDisruptionBudgets } from '../namespaces/cluster-kinds.ts'
import { isNotFound } from '../workload/controller-queue.ts'
import { isPodTerminal } from '../workload/pod-facts.ts'
import { persistentVolumeClaims } from '../workload/workload-resources.ts'
import { clusterFacts } from './cluster-facts.ts'
import { ClusterRooms } from './cluster-rooms.ts'
import { decidePlacement } from './decide-placement.ts'
import type { Placement } from './decide-placement.ts'
import {
  defaultSchedulerName,
  writeBinding,
  writeFailure,
  writePreemption,
} from './placement-writer.ts'
import type { Failure } from './placement-writer.ts'
import { podFacts } from './pod-facts.ts'
import type { PodFacts } from './pod-facts.ts'
import { findPreemption } from './preemption.ts'
import { signatureOf } from './scheduler-signature.ts'
import { SchedulingQueue } from './scheduling-queue.ts'
import type { QueuedPod } from './scheduling-queue.ts'
import { unplacedMessage } from './unplaced-message.ts'

export interface SchedulerOptions {
  /** 0 to 1; decides between nodes that are equally good. */
  readonly random?: () => number
  /** Writes under way at the same time; default 256. */
  readonly concurrency?: number
  /** Pods decided before the event loop gets a turn; default 64. */
  readonly decisionsPerTurn?: number
}

/** Starts the scheduler for pods with `schedulerName: default-scheduler`. */
export function startScheduler(
  context: ControllerContext,
  options: SchedulerOptions = {},
): AsyncDisposable {
  return new Scheduler(context, options)
}

class Scheduler implements AsyncDisposable {
  readonly #context: ControllerContext
  readonly #random: () => number
  readonly #concurrency: number
  readonly #decisionsPerTurn: number
  readonly #facts: ReturnType<typeof clusterFacts>
  readonly #rooms: ClusterRooms
  readonly #queue = new SchedulingQueue()
  readonly #subscriptions: Disposable[] = []
  readonly #writes = new Set<Promise<void>>()
  /** Why pods of a signature fit nowhere; forgotten when anything changes that may help. */
  readonly #knownFailures = new Map<string, Failure>()
  #timer: { readonly handle: Disposable; readonly dueMs: number } | undefined
  #isTurnPlanned = false
  #isDisposed = false
  #startIndex = 0

  constructor(context: ControllerContext, options: SchedulerOptions) {
    this.#context = context
    this.#random = options.random ?? Math.random
    this.#concurrency = options.concurrency ?? 256
    this.#decisionsPerTurn = options.decisionsPerTurn ?? 64
    const { api } = context
    this.#facts = clusterFacts(api)
    this.#rooms = new ClusterRooms(this.#facts)
    const wake = (): void => this.#wake()
    this.#subscriptions.push(
      this.#facts,
      api.onChange(nodes, (change) => this.#onNode(change)),
      api.onChange(pods, (change) => this.#onPod(change)),
      api.onChange(persistentVolumeClaims, wake),
      api.onChange(services, wake),
    )
    for (const node of api.list(nodes)) this.#rooms.setNode(node)
    for (const pod of api.list(pods)) this.#onPod({ current: pod, previous: undefined })
    this.#planTurn()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true
    for (const subscription of this.#subscriptions) subscription[Symbol.dispose]()
    this.#timer?.handle[Symbol.dispose]()
    await Promise.all(this.#writes)
  }

  #onNode({ current, previous }: ObjectChange<Node>): void {
    if (!current) {
      if (previous) this.#rooms.removeNode(previous.metadata.name)
      this.#wake()
      return
    }
    this.#rooms.setNode(current)
    if (!previous || mattersForPlacing(previous, current)) this.#wake()
  }

  #onPod({ current, previous }: ObjectChange<Pod>): void {
    if (previous && previous.metadata.uid !== current?.metadata.uid) this.#forget(previous)
    if (!current) return
    if (isPodTerminal(current)) this.#forget(current)
    else if ((current.spec.nodeName ?? '') !== '') this.#onPlaced(current, previous)
    else this.#onWaiting(current, previous)
  }

  #forget({ metadata: { uid } }: Pod): void {
    this.#queue.remove(uid)
    if (this.#rooms.placeOf(uid) !== undefined) {
      this.#rooms.take(uid)
      this.#wake()
    }
    this.#rooms.nominate({ uid } as PodFacts, '')
  }

  #onPlaced(pod: Pod, previous: Pod | undefined): void {
    const { uid } = pod.metadata
    const nodeName = pod.spec.nodeName ?? ''
    this.#queue.remove(uid)
    const isKnown = this.#rooms.placeOf(uid) === nodeName
    if (isKnown && previous && !changesFacts(previous, pod)) return
    this.#rooms.place(podFacts(pod), nodeName)
    if (isKnown && previous?.spec.nodeName === nodeName && changesRequest(previous, pod)) {
      this.#wake()
      return
    }
    // A pod more on a node, or one that is ending, helps only those that want to be near others or
    // spread among them.
    this.#queue.wake(this.#nowMs(), ({ pod: waiting }) => dependsOnPods(waiting))
    this.#planTurn()
  }

  #onWaiting(pod: Pod, previous: Pod | undefined): void {
    const { metadata, spec } = pod
    const isOurs = (spec.schedulerName ?? defaultSchedulerName) === defaultSchedulerName
    const isGated = (spec.schedulingGates ?? []).length > 0
    if (!isOurs || isGated || metadata.deletionTimestamp !== undefined) {
      this.#queue.remove(metadata.uid)
      return
    }
    // Assumed: its binding is on the way.
    if (this.#rooms.placeOf(metadata.uid) !== undefined) return
    const facts = podFacts(pod)
    const nominated = pod.status?.nominatedNodeName ?? ''
    this.#rooms.nominate(facts, nominated)
    if (this.#queue.has(metadata.uid) && previous && !changesFacts(previous, pod)) {
      this.#queue.refresh(facts)
      return
    }
    this.#queue.add(facts)
    this.#planTurn()
  }

  #wake(): void {
    this.#knownFailures.clear()
    this.#queue.wake(this.#nowMs())
    this.#planTurn()
  }

  #nowMs(): number {
    return this.#context.clock.monotonicMs()
  }

  #planTurn(): void {
    if (this.#isTurnPlanned || this.#isDisposed) return
    this.#isTurnPlanned = true
    setImmediate(() => {
      this.#isTurnPlanned = false
      this.#takeTurn()
    })
  }

  // Decides on some pods, then lets the rest of the process have its turn.
  #takeTurn(): void {
    if (this.#isDisposed) return
    for (let count = 0; count < this.#decisionsPerTurn; count++) {
      if (this.#writes.size >= this.#concurrency) return
      const queued = this.#queue.pop(this.#nowMs())
      if (!queued) break
      this.#scheduleOne(queued)
    }
    if (this.#queue.hasWork(this.#nowMs())) this.#planTurn()
    else this.#setTimer()
  }

  #setTimer(): void {
    const dueMs = this.#queue.nextDueMs()
    if (dueMs === undefined || (this.#timer && this.#timer.dueMs <= dueMs)) return
    this.#timer?.handle[Symbol.dispose]()
    const handle = this.#context.clock.setTimer(dueMs - this.#nowMs(), () => {
      this.#timer = undefined
      this.#planTurn()
    })
    this.#timer = { handle, dueMs }
  }

  #scheduleOne(queued: QueuedPod): void {
    const { pod } = queued
    const signature = this.#rooms.hasAffinity ? undefined : signatureOf(pod)
    const known = signature === undefined ? undefined : this.#knownFailures.get(signature)
    if (known) {
      this.#queue.fail(queued, this.#nowMs())
      if (!isWritten(pod, known)) this.#writeFailure(pod, known)
      return
    }
    const { rooms } = this.#rooms
    const startIndex = rooms.length === 0 ? 0 : this.#startIndex % rooms.length
    const placement = decidePlacement(pod, this.#rooms, { random: this.#random, startIndex })
    if (placement.nodeName !== undefined) {
      this.#startIndex += 1
      this.#assume(queued, placement.nodeName)
      return
    }
    const failure = this.#explain(pod, placement)
    const isStable = placement.general === undefined && (failure.nominatedNodeName ?? '') === ''
    if (signature !== undefined && isStable) this.#knownFailures.set(signature, failure)
    this.#queue.fail(queued, this.#nowMs())
    this.#writeFailure(pod, failure)
  }

  #assume(queued: QueuedPod, nodeName: string): void {
    const { pod } = queued
    this.#rooms.place(pod, nodeName)
    const nominated = pod.pod.status?.nominatedNodeName ?? ''
    // The room that was kept for it elsewhere is free.
    if (nominated !== '' && nominated !== nodeName) this.#wake()
    this.#write(async () => {
      try {
        await writeBinding(this.#context, pod, nodeName)
      } catch (error) {
        this.#onBindingRefused(queued, error)
      }
    })
  }

  #onBindingRefused(queued: QueuedPod, error: unknown): void {
    const { namespace, name, uid } = queued.pod
    const { api, log } = this.#context
    const now = api.get(pods, { namespace, name })
    const isWaiting = now?.metadata.uid === uid && (now.spec.nodeName ?? '') === ''
    const isPlaced = now?.metadata.uid === uid && !isWaiting
    // Bound after all (the answer was lost), or by somebody else: the change has told, or will tell.
    if (isPlaced && now) this.#rooms.place(podFacts(now), now.spec.nodeName ?? '')
    else this.#rooms.take(uid)
    if (!isPlaced) this.#wake()
    if (!isWaiting || now.metadata.deletionTimestamp !== undefined) return
    if (!isNotFound(error)) {
      log.warn({ pod: `${namespace}/${name}`, error: messageOf(error) }, 'Cannot bind pod')
    }
    this.#queue.retryLater({ ...queued, pod: podFacts(now) }, this.#nowMs())
    this.#writeFailure(queued.pod, { reason: 'SchedulerError', message: messageOf(error) })
    this.#planTurn()
  }

  // Why the pod fits nowhere; sends victims away when that helps.
  #explain(pod: PodFacts, placement: Extract<Placement, { nodeName: undefined }>): Failure {
    const { api } = this.#context
    const budgets = api.list(podDisruptionBudgets)
    const preemption = findPreemption(pod, placement, { rooms: this.#rooms, budgets })
    const message = unplacedMessage(placement, preemption, this.#rooms.rooms.length)
    if (preemption.nodeName === undefined) {
      const isUndecided = 'sentence' in preemption.why
      if (isUndecided) return { reason: 'Unschedulable', message }
      this.#rooms.nominate(pod, '')
      return { reason: 'Unschedulable', message, nominatedNodeName: '' }
    }
    const { nodeName, victims } = preemption
    this.#rooms.nominate(pod, nodeName)
    for (const victim of victims) {
      this.#write(() => writePreemption(this.#context, victim, { preemptor: pod, nodeName }))
    }
    return { reason: 'Unschedulable', message, nominatedNodeName: nodeName }
  }

  #writeFailure(pod: PodFacts, failure: Failure): void {
    this.#write(() => writeFailure(this.#context, pod, failure))
  }

  #write(start: () => Promise<void>): void {
    const write = start()
      .catch((error: unknown) => {
        if (isNotFound(error)) return
        this.#context.log.warn({ error: messageOf(error) }, 'Scheduler could not write')
      })
      .finally(() => {
        this.#writes.delete(write)
        this.#planTurn()
      })
    this.#writes.add(write)
  }
}

// Heartbeats change a node every few seconds; only these changes can make room.
function mattersForPlacing(previous: Node, current: Node): boolean {
  return !(
    deepEqual(previous.spec, current.spec) &&
    deepEqual(previous.metadata.labels, current.metadata.labels) &&
    deepEqual(previous.status?.allocatable, current.status?.allocatable)
  )
}

function changesFacts(previous: Pod, current: Pod): boolean {
  return (
    changesRequest(previous, current) ||
    previous.metadata.deletionTimestamp !== current.metadata.deletionTimestamp
  )
}

function changesRequest(previous: Pod, current: Pod): boolean {
  const isResizing = (current.status?.containerStatuses ?? []).some(
    ({ allocatedResources }) => allocatedResources,
  )
  return !(
    deepEqual(previous.spec, current.spec) &&
    deepEqual(previous.metadata.labels, current.metadata.labels) &&
    (!isResizing || deepEqual(previous.status, current.status))
  )
}

function dependsOnPods({ affinity, pod }: PodFacts): boolean {
  return affinity.requiredNear.length > 0 || (pod.spec.topologySpreadConstraints ?? []).length > 0
}

function isWritten({ pod }: PodFacts, { message }: Failure): boolean {
  return (pod.status?.conditions ?? []).some(
    ({ type, message: written }) => type === 'PodScheduled' && written === message,
  )
}
