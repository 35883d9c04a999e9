// SPDX-License-Identifier: Apache-2.0
// Where a pod goes: a pure function of the pod, the rooms and a source of chance for ties.
import type { ClusterRooms } from './cluster-rooms.ts'
import type { NodeRoom } from './node-room.ts'
import { planPod, refusalOf } from './placement-filters.ts'
import type { PodPlan, Refusal } from './placement-filters.ts'
import { scoresOf } from './placement-scores.ts'
import type { PodFacts } from './pod-facts.ts'

/** What was decided for a pod. */
export type Placement =
  | { readonly nodeName: string }
  | {
      readonly nodeName: undefined
      /** Why no node at all was looked at. */
      readonly general: string | undefined
      /** By node; of nodes that were not looked at, `absentReason` says why. */
      readonly refusals: ReadonlyMap<string, Refusal>
      readonly absentReason: string | undefined
      readonly plan: PodPlan
    }

export interface PlacementOptions {
  /** 0 to 1; decides between nodes of the same score. */
  readonly random?: () => number
  /** Which node is looked at first; moved on by callers, so that all get their turn. */
  readonly startIndex?: number
}

/** Beyond so many nodes not all are scored, as kube-scheduler does it. */
const minCandidates = 100

/** Decides where `pod` goes. The rooms are not changed. */
export function decidePlacement(
  pod: PodFacts,
  rooms: ClusterRooms,
  options: PlacementOptions = {},
): Placement {
  const plan = planPod(pod, rooms)
  const refusals = new Map<string, Refusal>()
  const none = { nodeName: undefined, refusals, plan, absentReason: undefined }
  const general = generalFault(pod, rooms)
  if (general !== undefined) return { ...none, general }
  const nominated = rooms.room(pod.pod.status?.nominatedNodeName ?? '')
  if (nominated && !refusalOf(plan, nominated)) return { nodeName: nominated.name }
  const { namedNodes } = pod
  const looked = namedNodes ? rooms.rooms.filter(({ name }) => namedNodes.has(name)) : rooms.rooms
  const candidates = findCandidates(plan, looked, { refusals, startIndex: options.startIndex ?? 0 })
  const best = bestOf(plan, candidates, options.random ?? (() => 0))
  if (best) return { nodeName: best.name }
  const absentReason = namedNodes ? "node(s) didn't satisfy plugin(s) [NodeAffinity]" : undefined
  return { ...none, general: undefined, absentReason }
}

/** How many nodes that would do are enough. */
export function candidatesWanted(nodeCount: number): number {
  if (nodeCount < minCandidates) return nodeCount
  const percentage = Math.max(50 - Math.trunc(nodeCount / 125), 5)
  return Math.max(Math.trunc((nodeCount * percentage) / 100), minCandidates)
}

function generalFault(pod: PodFacts, rooms: ClusterRooms): string | undefined {
  if (pod.namedNodes?.size === 0) return 'pod affinity terms conflict'
  return rooms.facts.volumeFault(pod)
}

function findCandidates(
  plan: PodPlan,
  looked: readonly NodeRoom[],
  {
    refusals,
    startIndex,
  }: { readonly refusals: Map<string, Refusal>; readonly startIndex: number },
): readonly NodeRoom[] {
  const wanted = candidatesWanted(looked.length)
  const candidates: NodeRoom[] = []
  for (let offset = 0; offset < looked.length && candidates.length < wanted; offset++) {
    const room = looked[(startIndex + offset) % looked.length]
    if (!room) continue
    const refusal = refusalOf(plan, room)
    if (refusal) refusals.set(room.name, refusal)
    else candidates.push(room)
  }
  return candidates
}

function bestOf(
  plan: PodPlan,
  candidates: readonly NodeRoom[],
  random: () => number,
): NodeRoom | undefined {
  if (candidates.length < 2) return candidates[0]
  const scores = scoresOf(plan, candidates)
  let best: NodeRoom | undefined
  let bestScore = -Infinity
  let ties = 0
  for (const [index, room] of candidates.entries()) {
    const score = scores[index] ?? 0
    if (score > bestScore) {
      best = room
      bestScore = score
      ties = 1
    } else if (score === bestScore) {
      ties += 1
      if (random() * ties < 1) best = room
    }
  }
  return best
}
