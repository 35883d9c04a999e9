// SPDX-License-Identifier: Apache-2.0
// The next steps of a StatefulSet. Pure. OrderedReady takes one step at a time and only while all
// predecessors are available; Parallel creates and deletes at will. Updates always go one pod at a
// time, from the highest number down, and never before the set is complete.
import type { Pod, StatefulSet } from '../../../kube/types.gen.ts'
import { isPodAvailable, isPodReady, isPodTerminal } from '../workload/pod-facts.ts'
import { isWanted, ordinalOf, revisionOfPod, startOrdinal } from './stateful-identity.ts'

export interface StatefulSetView {
  readonly set: StatefulSet
  /** Its pods, in any order. */
  readonly pods: readonly Pod[]
  /** Names of the revision that the pods come from, and of the one that they go to. */
  readonly currentRevision: string
  readonly updateRevision: string
  readonly nowMs: number
}

export type StatefulSetStep =
  | { readonly do: 'create'; readonly ordinal: number; readonly revisionName: string }
  | { readonly do: 'delete'; readonly pod: Pod }
  /** Create the claims that a pending pod lacks. */
  | { readonly do: 'claim'; readonly pod: Pod; readonly ordinal: number }
  /** Give the pod its identity back, and its claims their owners. */
  | { readonly do: 'repair'; readonly pod: Pod; readonly ordinal: number }

interface Member {
  readonly ordinal: number
  readonly pod: Pod | undefined
}

/** What is to be done, in this order. A step that fails ends the pass. */
export function decideStatefulSet(view: StatefulSetView): readonly StatefulSetStep[] {
  const { set } = view
  if (set.metadata.deletionTimestamp !== undefined) return []
  const { wanted, condemned } = sortPods(view)
  const isOrdered = set.spec.podManagementPolicy !== 'Parallel'
  const steps: StatefulSetStep[] = []
  for (const member of wanted) {
    const hasToWait = stepsFor(member, { view, steps })
    if (isOrdered && hasToWait) return steps
  }
  for (const { pod, ordinal } of condemned) if (pod) steps.push({ do: 'repair', pod, ordinal })
  const firstUnavailable = [...wanted, ...condemned.toReversed()].find(
    ({ pod }) => !pod || isUnavailable(pod, view),
  )?.pod
  for (const { pod } of condemned) {
    if (!pod) continue
    const isTerminating = pod.metadata.deletionTimestamp !== undefined
    // Whoever is ill goes first, and nobody goes while another is ill; but what has ended will not
    // get well any more, and Kubernetes would wait for it for ever.
    const isHarmless = !isUnavailable(pod, view) || pod === firstUnavailable || isPodTerminal(pod)
    const mayGo = !isTerminating && isHarmless
    if (isOrdered && !mayGo) return steps
    if (!isTerminating) steps.push({ do: 'delete', pod })
    if (isOrdered) return steps
  }
  const update = updateStep(view, wanted)
  if (update) steps.push(update)
  return steps
}

/** Not available, or on its way out. */
export function isUnavailable(pod: Pod, { set, nowMs }: StatefulSetView): boolean {
  const { minReadySeconds = 0 } = set.spec
  const isTerminating = pod.metadata.deletionTimestamp !== undefined
  return isTerminating || !isPodAvailable(pod, { minReadySeconds, nowMs })
}

function sortPods({ set, pods }: StatefulSetView): {
  readonly wanted: readonly Member[]
  /** Highest number first. */
  readonly condemned: readonly Member[]
} {
  const byOrdinal = new Map<number, Pod>()
  for (const pod of pods) {
    const ordinal = ordinalOf(set, pod.metadata.name)
    if (ordinal !== undefined) byOrdinal.set(ordinal, pod)
  }
  const start = startOrdinal(set)
  const wanted = Array.from({ length: set.spec.replicas ?? 1 }, (_, offset) => ({
    ordinal: start + offset,
    pod: byOrdinal.get(start + offset),
  }))
  const condemned = Array.from(byOrdinal, ([ordinal, pod]) => ({ ordinal, pod }))
    .filter(({ ordinal }) => !isWanted(set, ordinal))
    .toSorted((a, b) => b.ordinal - a.ordinal)
  return { wanted, condemned }
}

/** Adds the steps for one wanted pod; returns whether its successors have to wait for it. */
function stepsFor(
  { ordinal, pod }: Member,
  { view, steps }: { readonly view: StatefulSetView; readonly steps: StatefulSetStep[] },
): boolean {
  if (!pod) {
    steps.push({ do: 'create', ordinal, revisionName: revisionFor(view, ordinal) })
    return true
  }
  const isTerminating = pod.metadata.deletionTimestamp !== undefined
  if (isPodTerminal(pod)) {
    // Its successor comes when it is gone.
    if (!isTerminating) steps.push({ do: 'delete', pod })
    return true
  }
  if (pod.status?.phase === 'Pending') steps.push({ do: 'claim', pod, ordinal })
  const isRunning = pod.status?.phase === 'Running' && isPodReady(pod)
  const hasToWait = isUnavailable(pod, view) || !isRunning
  const isOrdered = view.set.spec.podManagementPolicy !== 'Parallel'
  if (!isTerminating && !(isOrdered && hasToWait)) steps.push({ do: 'repair', pod, ordinal })
  return hasToWait
}

/** A pod that is made anew is of the old revision while the update has not come to its number. */
function revisionFor(view: StatefulSetView, ordinal: number): string {
  const { set, currentRevision, updateRevision } = view
  const { updateStrategy, ordinals } = set.spec
  if (updateStrategy?.type === 'OnDelete') return updateRevision
  const start = ordinals?.start ?? 0
  const { rollingUpdate } = updateStrategy ?? {}
  const keptBelow = rollingUpdate
    ? start + (rollingUpdate.partition ?? 0)
    : start + (set.status?.currentReplicas ?? 0)
  return ordinal < keptBelow ? currentRevision : updateRevision
}

function updateStep(view: StatefulSetView, wanted: readonly Member[]): StatefulSetStep | undefined {
  const { set, updateRevision } = view
  if (set.spec.updateStrategy?.type === 'OnDelete') return undefined
  const partition = set.spec.updateStrategy?.rollingUpdate?.partition ?? 0
  for (const { pod } of wanted.slice(partition).toReversed()) {
    if (!pod) return undefined
    const isTerminating = pod.metadata.deletionTimestamp !== undefined
    if (revisionOfPod(pod) !== updateRevision && !isTerminating) return { do: 'delete', pod }
    if (isUnavailable(pod, view)) return undefined
  }
  return undefined
}
