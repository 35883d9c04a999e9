// SPDX-License-Identifier: Apache-2.0
// Which pods of lower priority would have to go for a pod to find room, on one node, as few and as
// unimportant ones as possible, and rather none that a disruption budget protects.
import type { Pod, PodDisruptionBudget } from '../../../kube/types.gen.ts'
import type { ClusterRooms } from './cluster-rooms.ts'
import type { Placement } from './decide-placement.ts'
import { matcherOf } from '../../../kube/label-matcher.ts'
import type { NodeRoom } from './node-room.ts'
import { planPod, refusalOf } from './placement-filters.ts'
import type { PodPlan } from './placement-filters.ts'
import type { PodFacts } from './pod-facts.ts'

/** What is to be done, or why nothing can be: `why` follows `preemption: `. */
export type Preemption =
  | { readonly nodeName: string; readonly victims: readonly PodFacts[] }
  | {
      readonly nodeName: undefined
      readonly why:
        | { readonly sentence: string }
        /** Reasons by node; for all other nodes preemption does not help. */
        | { readonly reasons: ReadonlyMap<string, readonly string[]> }
    }

interface Candidate {
  readonly room: NodeRoom
  /** The most important first. */
  readonly victims: readonly PodFacts[]
  readonly budgetsViolated: number
}

type Unplaced = Extract<Placement, { readonly nodeName: undefined }>

// As many nodes are tried as kube-scheduler tries.
const maxCandidates = 100

/**
 * Finds victims for a pod that fits nowhere. The rooms are tried out with pods taken off, and are as
 * before when it returns.
 */
export function findPreemption(
  pod: PodFacts,
  placement: Unplaced,
  context: { readonly rooms: ClusterRooms; readonly budgets: readonly PodDisruptionBudget[] },
): Preemption {
  const { rooms, budgets } = context
  const sentence = ineligibility(pod, placement, rooms)
  if (sentence !== undefined) return { nodeName: undefined, why: { sentence } }
  const candidates: Candidate[] = []
  const reasons = new Map<string, readonly string[]>()
  for (const [name, refusal] of placement.refusals) {
    const room = rooms.room(name)
    if (!room || !refusal.isResolvable) continue
    const tried = tryNode(pod, room, { rooms, budgets, plan: placement.plan })
    if ('reasons' in tried) reasons.set(name, tried.reasons)
    else candidates.push(tried)
    if (candidates.length >= maxCandidates) break
  }
  const best = candidates.reduce<Candidate | undefined>(
    (chosen, one) => (chosen && !isBetter(one, chosen) ? chosen : one),
    undefined,
  )
  if (best) return { nodeName: best.room.name, victims: best.victims }
  return { nodeName: undefined, why: { reasons } }
}

function ineligibility(
  pod: PodFacts,
  { refusals }: Unplaced,
  rooms: ClusterRooms,
): string | undefined {
  if (pod.pod.spec.preemptionPolicy === 'Never') {
    return 'not eligible due to preemptionPolicy=Never.'
  }
  const nominated = pod.pod.status?.nominatedNodeName ?? ''
  const refusal = refusals.get(nominated)
  const room = rooms.room(nominated)
  if (!room || refusal?.isResolvable === false) return undefined
  for (const other of room.pods.values()) {
    if (other.priority < pod.priority && isBeingPreempted(other.pod)) {
      return 'not eligible due to a terminating pod on the nominated node.'
    }
  }
  return undefined
}

function isBeingPreempted({ metadata, status }: Pod): boolean {
  return (
    metadata.deletionTimestamp !== undefined &&
    (status?.conditions ?? []).some(
      ({ type, status: value, reason }) =>
        type === 'DisruptionTarget' && value === 'True' && reason === 'PreemptionByScheduler',
    )
  )
}

interface Trial {
  readonly rooms: ClusterRooms
  readonly budgets: readonly PodDisruptionBudget[]
  readonly plan: PodPlan
}

// Takes all weaker pods off, then puts back the most important ones as long as the pod still fits.
function tryNode(
  pod: PodFacts,
  room: NodeRoom,
  { rooms, budgets, plan }: Trial,
): Candidate | { readonly reasons: readonly string[] } {
  const weaker = [...room.pods.values()].filter(({ priority }) => priority < pod.priority)
  if (weaker.length === 0) return { reasons: ['No preemption victims found for incoming pod'] }
  const refusal = () => refusalOf(plan.dependsOnPods ? planPod(pod, rooms) : plan, room)
  try {
    for (const { uid } of weaker) rooms.take(uid)
    const refused = refusal()
    if (refused) return { reasons: refused.reasons }
    const victims: PodFacts[] = []
    const { violating, others } = byBudget(weaker.sort(byImportance), budgets)
    for (const one of [...violating, ...others]) {
      rooms.place(one, room.name)
      if (!refusal()) continue
      rooms.take(one.uid)
      victims.push(one)
    }
    const budgetsViolated = victims.filter((one) => violating.includes(one)).length
    return { room, victims: victims.sort(byImportance), budgetsViolated }
  } finally {
    for (const one of weaker) {
      if (rooms.placeOf(one.uid) === undefined) rooms.place(one, room.name)
    }
  }
}

function byImportance(a: PodFacts, b: PodFacts): number {
  return b.priority - a.priority || startMs(a) - startMs(b)
}

function startMs({ pod }: PodFacts): number {
  return Date.parse(pod.status?.startTime ?? '') || Infinity
}

function byBudget(
  pods: readonly PodFacts[],
  budgets: readonly PodDisruptionBudget[],
): { readonly violating: readonly PodFacts[]; readonly others: readonly PodFacts[] } {
  const left = budgets.map((budget) => ({
    budget,
    selector: matcherOf(budget.spec?.selector),
    allowed: budget.status?.disruptionsAllowed ?? 0,
  }))
  const violating: PodFacts[] = []
  const others: PodFacts[] = []
  for (const pod of pods) {
    let isViolating = false
    for (const one of left) {
      const { budget, selector } = one
      if (budget.metadata.namespace !== pod.namespace || selector.isEmpty) continue
      if (!selector.matches(pod.labels) || budget.status?.disruptedPods?.[pod.name]) continue
      one.allowed -= 1
      isViolating ||= one.allowed < 0
    }
    ;(isViolating ? violating : others).push(pod)
  }
  return { violating, others }
}

// Fewest broken budgets, then the least important victims, then the fewest, then the youngest.
function isBetter(a: Candidate, b: Candidate): boolean {
  const difference =
    a.budgetsViolated - b.budgetsViolated ||
    highestPriority(a) - highestPriority(b) ||
    prioritySum(a) - prioritySum(b) ||
    a.victims.length - b.victims.length ||
    earliestStartMs(b) - earliestStartMs(a)
  return difference < 0
}

function highestPriority({ victims }: Candidate): number {
  return victims[0]?.priority ?? 0
}

// Shifted so that more victims never make a smaller sum, even when priorities are negative.
function prioritySum({ victims }: Candidate): number {
  return victims.reduce((sum, { priority }) => sum + priority + 2 ** 31, 0)
}

function earliestStartMs({ victims }: Candidate): number {
  const highest = victims[0]?.priority
  const starts = victims.filter(({ priority }) => priority === highest).map(startMs)
  return Math.min(...starts, Number.MAX_SAFE_INTEGER)
}
