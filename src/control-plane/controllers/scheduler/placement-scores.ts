// SPDX-License-Identifier: Apache-2.0
// Which of the nodes that would do is best: kube-scheduler's default scores, each 0 to 100, with its
// weights (taints 3, node affinity 2, spread 2, pod affinity 2, the others 1).
import type { AffinityTerm } from './affinity-terms.ts'
import type { NodeRoom } from './node-room.ts'
import {
  TopologyCounts,
  countSelected,
  countsFor,
  hasAllTopologies,
  spreadConstraints,
} from './topology-counts.ts'
import type { SpreadConstraint } from './topology-counts.ts'
import { imageScores } from './image-scores.ts'
import type { PodPlan } from './placement-filters.ts'
import type { ResourceAmounts } from './resource-amounts.ts'
import { tolerates } from './taints.ts'

const hostnameKey = 'kubernetes.io/hostname'
const zoneKey = 'topology.kubernetes.io/zone'
/** How much a required term of a pod that is there draws a matching new pod. */
const hardAffinityWeight = 1

/** The sum of all scores of each candidate, in their order. */
export function scoresOf(plan: PodPlan, candidates: readonly NodeRoom[]): readonly number[] {
  const totals = candidates.map((room) => resourceScore(plan, room))
  const add = (scores: readonly number[] | undefined, weight: number): void => {
    if (!scores) return
    for (const [index, score] of scores.entries())
      totals[index] = (totals[index] ?? 0) + score * weight
  }
  add(taintScores(plan, candidates), 3)
  add(nodePreferenceScores(plan, candidates), 2)
  add(spreadScores(plan, candidates), 2)
  add(podPreferenceScores(plan, candidates), 2)
  add(imageScores(plan, candidates), 1)
  return totals
}

function resourceScore({ pod }: PodPlan, room: NodeRoom): number {
  const { allocatable, requested, scoredRequested } = room
  const wanted = pod.scoredRequests
  const least = [
    leastScore(scoredRequested.milliCpu + wanted.milliCpu, allocatable.milliCpu),
    leastScore(scoredRequested.memoryBytes + wanted.memoryBytes, allocatable.memoryBytes),
  ].filter((score) => score !== undefined)
  const sum = least.reduce((total, score) => total + score, 0)
  const leastTotal = least.length === 0 ? 0 : Math.trunc(sum / least.length)
  const isBestEffort = pod.requests.milliCpu === 0 && pod.requests.memoryBytes === 0
  return leastTotal + (isBestEffort ? 0 : balanceScore(requested, pod.requests, allocatable))
}

function leastScore(requested: number, capacity: number): number | undefined {
  if (capacity === 0) return undefined
  return requested > capacity ? 0 : Math.trunc(((capacity - requested) * 100) / capacity)
}

// Rises when the pod brings the node's use of cpu and memory closer together, falls otherwise.
function balanceScore(
  used: ResourceAmounts,
  wanted: ResourceAmounts,
  has: ResourceAmounts,
): number {
  const spreadOf = (milliCpu: number, memoryBytes: number): number => {
    if (has.milliCpu === 0 || has.memoryBytes === 0) return 0
    const cpu = Math.min(milliCpu / has.milliCpu, 1)
    const memory = Math.min(memoryBytes / has.memoryBytes, 1)
    return Math.abs((cpu - memory) / 2)
  }
  const before = Math.trunc((1 - spreadOf(used.milliCpu, used.memoryBytes)) * 100)
  const after = Math.trunc(
    (1 - spreadOf(used.milliCpu + wanted.milliCpu, used.memoryBytes + wanted.memoryBytes)) * 100,
  )
  return 50 + Math.trunc((50 + after - before) / 2)
}

function taintScores(
  { pod }: PodPlan,
  candidates: readonly NodeRoom[],
): readonly number[] | undefined {
  const tolerations = pod.tolerations.filter(
    ({ effect = '' }) => effect === '' || effect === 'PreferNoSchedule',
  )
  let isAny = false
  const counts = candidates.map(({ node }) => {
    const taints = node.spec?.taints ?? []
    const count = taints.filter(
      (taint) =>
        taint.effect === 'PreferNoSchedule' && !tolerations.some((one) => tolerates(one, taint)),
    ).length
    isAny ||= count > 0
    return count
  })
  return isAny ? normalized(counts).map((score) => 100 - score) : undefined
}

function nodePreferenceScores(
  { pod }: PodPlan,
  candidates: readonly NodeRoom[],
): readonly number[] | undefined {
  if (pod.preferredNodes.length === 0) return undefined
  return normalized(
    candidates.map(({ node }) =>
      pod.preferredNodes.reduce(
        (sum, { weight, matches }) => sum + (matches(node) ? weight : 0),
        0,
      ),
    ),
  )
}

function normalized(scores: readonly number[]): readonly number[] {
  const highest = scores.reduce((max, score) => Math.max(max, score), 0)
  return highest === 0 ? scores : scores.map((score) => Math.trunc((100 * score) / highest))
}

function spreadScores(
  plan: PodPlan,
  candidates: readonly NodeRoom[],
): readonly number[] | undefined {
  const isOwn = (plan.pod.pod.spec.topologySpreadConstraints ?? []).length > 0
  const constraints = isOwn
    ? spreadConstraints(plan.pod.pod, 'ScheduleAnyway')
    : defaultConstraints(plan)
  if (constraints.length === 0) return undefined
  const isScored = candidates.map((room) => !isOwn || hasAllTopologies(room, constraints))
  const scored = candidates.filter((_, index) => isScored[index])
  const perConstraint = constraints.map((constraint) =>
    constraintScorer(plan, constraint, {
      scored,
      isCounted: (room) => !isOwn || hasAllTopologies(room, constraints),
    }),
  )
  const raw = candidates.map((room, index) =>
    isScored[index]
      ? Math.round(perConstraint.reduce((sum, score) => sum + score(room), 0))
      : undefined,
  )
  const known = raw.filter((score) => score !== undefined)
  const highest = known.reduce((max, score) => Math.max(max, score), 0)
  const lowest = known.reduce((min, score) => Math.min(min, score), Infinity)
  return raw.map((score) => {
    if (score === undefined) return 0
    return highest === 0 ? 100 : Math.trunc((100 * (highest + lowest - score)) / highest)
  })
}

function defaultConstraints({ pod, rooms }: PodPlan): readonly SpreadConstraint[] {
  const selector = rooms.facts.companionsOf(pod)
  if (!selector || selector.isEmpty) return []
  const rest = { minDomains: 1, selector, honorsAffinity: true, honorsTaints: false }
  return [
    { ...rest, topologyKey: hostnameKey, maxSkew: 3 },
    { ...rest, topologyKey: zoneKey, maxSkew: 5 },
  ]
}

interface SpreadScope {
  readonly scored: readonly NodeRoom[]
  readonly isCounted: (room: NodeRoom) => boolean
}

// Pods in the node's domain, times a weight that keeps many small domains from outweighing few large.
function constraintScorer(
  { pod, rooms }: PodPlan,
  constraint: SpreadConstraint,
  { scored, isCounted }: SpreadScope,
): (room: NodeRoom) => number {
  const { topologyKey, selector, maxSkew } = constraint
  const valueOf = (room: NodeRoom): string | undefined => room.node.metadata.labels?.[topologyKey]
  if (topologyKey === hostnameKey) {
    const weight = Math.log(scored.length + 2)
    return (room) =>
      valueOf(room) === undefined
        ? 0
        : countSelected(room, selector, pod.namespace) * weight + maxSkew - 1
  }
  const counts = new Map<string, number>()
  for (const room of scored) counts.set(valueOf(room) ?? '', 0)
  for (const room of rooms.rooms) {
    const value = valueOf(room) ?? ''
    const count = counts.get(value)
    if (count === undefined || !isCounted(room) || !countsFor(constraint, pod, room)) continue
    counts.set(value, count + countSelected(room, selector, pod.namespace))
  }
  const weight = Math.log(counts.size + 2)
  return (room) => {
    const value = valueOf(room)
    return value === undefined ? 0 : (counts.get(value) ?? 0) * weight + maxSkew - 1
  }
}

function podPreferenceScores(
  { pod, rooms }: PodPlan,
  candidates: readonly NodeRoom[],
): readonly number[] | undefined {
  const { preferred } = pod.affinity
  if (preferred.length === 0 && !rooms.hasAffinity) return undefined
  const { namespaceLabels } = rooms.facts
  const sums = new TopologyCounts()
  const draw = (term: AffinityTerm, room: NodeRoom, weight: number): void =>
    sums.add(room, term.topologyKey, weight)
  for (const room of rooms.rooms) {
    const others = preferred.length > 0 ? room.pods.values() : room.podsWithAffinity
    for (const other of others) {
      for (const term of preferred) {
        if (term.matches(other, namespaceLabels)) draw(term, room, term.weight)
      }
      for (const term of other.affinity.requiredNear) {
        if (term.matches(pod, namespaceLabels)) draw(term, room, hardAffinityWeight)
      }
      for (const term of other.affinity.preferred) {
        if (term.matches(pod, namespaceLabels)) draw(term, room, term.weight)
      }
    }
  }
  if (sums.isEmpty) return undefined
  const keys = [...sums.keys()]
  const raw = candidates.map((room) => keys.reduce((sum, key) => sum + sums.at(room, key), 0))
  const lowest = raw.reduce((min, score) => Math.min(min, score), Infinity)
  const highest = raw.reduce((max, score) => Math.max(max, score), -Infinity)
  if (highest === lowest) return undefined
  return raw.map((score) => Math.trunc((100 * (score - lowest)) / (highest - lowest)))
}
