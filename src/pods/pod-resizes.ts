// SPDX-License-Identifier: Apache-2.0
// In-place resizes as the node grants them: a pod whose spec asks for other CPU or memory than it was granted
// gets it when there is room, and waits while there is none. The backend is always handed the pod with what
// was granted, and keeps that over a restart of ours; conditions and events tell of the rest.
import type { Pod, ResourceRequirements } from '../kube/types.gen.ts'
import {
  allocationOf,
  isGranted,
  isPodGranted,
  withAllocation,
  type Allocation,
} from '../runtime/resources/allocation.ts'
import { podRequests } from '../runtime/resources/pod-amounts.ts'
import { checkRoom, type Rejection } from './admission.ts'
import type { PodRecord } from './known-pod.ts'
import type { PodLoop } from './pod-loop.ts'
import { podReference } from './pod-reference.ts'
import { grantedPod, type ResizeUnderWay } from './resize-state.ts'

/** A kubelet tries deferred resizes again so often, besides whenever room is made. */
const retryMs = 180_000

/** Grants the resizes of one node's pods. */
export class PodResizes implements Disposable {
  readonly #loop: PodLoop
  /** Uids of pods with a resize that is deferred. */
  readonly #deferred = new Set<string>()
  #timer: Disposable | undefined

  constructor(loop: PodLoop) {
    this.#loop = loop
  }

  /** The pod to hand to the backend. */
  grant(record: PodRecord, api: Pod): Pod {
    const { records, provider } = this.#loop
    if (!provider.features['resources.resize']) return api
    this.#deferred.delete(record.ref.uid)
    const granted = record.resize.granted ?? record.observed?.allocation
    // In our first life with the pod only its status says what was under way.
    if (!record.resize.granted) record.resize = { granted, underWay: underWayBefore(record) }
    if (!granted || isGranted(api, granted)) {
      record.resize = {
        ...record.resize,
        granted: granted ?? allocationOf(api),
        pending: undefined,
      }
      return api
    }
    const against = this.#judge(api, granted)
    if (against) {
      record.resize = { ...record.resize, granted }
      this.#wait(record, api, against)
      return withAllocation(api, granted)
    }
    const generation = api.metadata.generation ?? 0
    record.resize = { granted: allocationOf(api), underWay: { generation } }
    records.admitted.set(api)
    this.#tell(api, { reason: 'ResizeStarted', what: 'started', generation })
    return api
  }

  /** Takes in what the backend says of a resize under way; tells of its end. */
  settle(record: PodRecord): void {
    const { api, observed, resize } = record
    const { underWay } = resize
    if (!api || !observed || observed.hasEnded) return
    if (!underWay || (observed.observedGeneration ?? 0) < underWay.generation) return
    const { generation } = underWay
    const of = grantedPod(record, api)
    if (!observed.resize) {
      record.resize = { ...resize, underWay: undefined }
      this.#tell(of, { reason: 'ResizeCompleted', what: 'completed', generation })
      return
    }
    const { error } = observed.resize
    if (error !== undefined && error !== underWay.error) {
      this.#tell(of, { reason: 'ResizeError', what: 'error', generation, error })
    }
    record.resize = { ...resize, underWay: { generation, ...(error !== undefined && { error }) } }
  }

  /** Room was made, or time has passed: pods that wait are looked at again, the most deserving first. */
  retry(): void {
    if (this.#deferred.size === 0) return
    for (const record of this.#waiting()) {
      record.isNudged = true
      record.retryAtMs = 0
      this.#loop.wake(record.ref.uid)
    }
  }

  /** The pod is gone. */
  forget(uid: string): void {
    this.#deferred.delete(uid)
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]()
  }

  #judge(
    api: Pod,
    granted: Allocation,
  ): (Pick<Rejection, 'message'> & { readonly isForGood: boolean }) | undefined {
    const { nodeFacts, records, provider } = this.#loop
    if (!provider.features['resources.podLevelResize'] && !isPodGranted(api, granted)) {
      const message = 'the provider cannot resize pod-level resources in place'
      return { message, isForGood: true }
    }
    const node = nodeFacts()
    return node && checkRoom(api, { node, others: records.admitted })
  }

  #wait(
    record: PodRecord,
    api: Pod,
    { message, isForGood }: { readonly message: string; readonly isForGood: boolean },
  ): void {
    const before = record.resize.pending
    const generation = api.metadata.generation ?? 0
    const reason = isForGood ? 'Infeasible' : 'Deferred'
    const isNews = before?.reason !== reason || before.generation !== generation
    const sinceMs = isNews ? this.#loop.clock.nowMs() : before.sinceMs
    record.resize = { ...record.resize, pending: { reason, message, generation, sinceMs } }
    if (!isForGood) this.#deferred.add(record.ref.uid)
    this.#planRetry()
    if (!isNews || isToldOf(api, { reason, generation })) return
    this.#tell(api, { reason: `Resize${reason}`, what: reason, generation, error: message })
  }

  #planRetry(): void {
    this.#timer ??= this.#loop.clock.setTimer(retryMs, () => {
      this.#timer = undefined
      this.retry()
    })
  }

  #waiting(): readonly PodRecord[] {
    const waiting = [...this.#deferred].flatMap((uid) => this.#loop.records.get(uid) ?? [])
    return waiting.filter(({ api }) => api !== undefined).toSorted(byMerit)
  }

  #tell(
    pod: Pod,
    event: {
      readonly reason: string
      readonly what: string
      readonly generation: number
      readonly error?: string
    },
  ): void {
    const { reason, what, generation, error } = event
    this.#loop.recorder.record(podReference(pod), {
      type: error === undefined ? 'Normal' : 'Warning',
      reason,
      message: `Pod resize ${what}: ${summaryOf(pod, { generation, error })}`,
    })
  }
}

function underWayBefore({ api, observed }: PodRecord): ResizeUnderWay | undefined {
  const condition = api?.status?.conditions?.find(({ type }) => type === 'PodResizeInProgress')
  const isTold = condition?.status === 'True'
  if (!isTold && !observed?.resize) return undefined
  const generation = condition?.observedGeneration ?? api?.metadata.generation ?? 0
  const { reason, message } = condition ?? {}
  return { generation, ...(reason === 'Error' && message !== undefined && { error: message }) }
}

/** Said before a restart of ours. */
function isToldOf(
  { status }: Pod,
  { reason, generation }: { readonly reason: string; readonly generation: number },
): boolean {
  return (status?.conditions ?? []).some(
    (condition) =>
      condition.type === 'PodResizePending' &&
      condition.reason === reason &&
      condition.observedGeneration === generation,
  )
}

/** First what needs no room, then by priority, quality of service, and time. */
function byMerit(one: PodRecord, other: PodRecord): number {
  const [a, b] = [meritOf(one), meritOf(other)]
  return (
    Number(a.isMore) - Number(b.isMore) ||
    b.priority - a.priority ||
    a.qos - b.qos ||
    a.sinceMs - b.sinceMs
  )
}

function meritOf(record: PodRecord): {
  readonly isMore: boolean
  readonly priority: number
  readonly qos: number
  readonly sinceMs: number
} {
  const { api, resize } = record
  return {
    isMore: api !== undefined && asksForMore(api, grantedPod(record, api)),
    priority: api?.spec.priority ?? 0,
    qos: api?.status?.qosClass === 'Guaranteed' ? 0 : 1,
    sinceMs: resize.pending?.sinceMs ?? 0,
  }
}

function asksForMore(wanted: Pod, granted: Pod): boolean {
  const [after, before] = [podRequests(wanted), podRequests(granted)]
  return ['cpu', 'memory'].some((name) => (after.get(name) ?? 0n) > (before.get(name) ?? 0n))
}

/** The JSON that a kubelet puts into such events, its keys in the same order. */
function summaryOf(
  { spec }: Pod,
  { generation, error }: { readonly generation: number; readonly error: string | undefined },
): string {
  const listed = (containers: Pod['spec']['containers']) =>
    containers.map(({ name, resources = {} }) => ({ name, resources: inOrder(resources) }))
  const { initContainers = [], containers } = spec
  return JSON.stringify({
    ...(initContainers.length > 0 && { initContainers: listed(initContainers) }),
    containers: listed(containers),
    generation,
    ...(error !== undefined && { error }),
  })
}

function inOrder({ limits, requests }: ResourceRequirements): ResourceRequirements {
  const sorted = (amounts: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(amounts).sort(([a], [b]) => (a < b ? -1 : 1)))
  return {
    ...(limits && { limits: sorted(limits) }),
    ...(requests && { requests: sorted(requests) }),
  }
}
