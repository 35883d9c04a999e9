// SPDX-License-Identifier: Apache-2.0
// How the pods that matter for one decision lie across topology domains: for inter-pod affinity and for
// spread constraints. Worked out once for a pod, then asked for each node.
import type { Pod } from '../../../kube/types.gen.ts'
import type { PodFacts } from './pod-facts.ts'
import type { ClusterRooms } from './cluster-rooms.ts'
import { matcherOf, matcherOfRequirements, requirementsOf } from '../../../kube/label-matcher.ts'
import type { LabelMatcher } from '../../../kube/label-matcher.ts'
import type { NodeRoom } from './node-room.ts'
import { untoleratedTaint } from './taints.ts'

/** Counts by topology key and value. */
export class TopologyCounts {
  readonly #counts = new Map<string, Map<string, number>>()

  get isEmpty(): boolean {
    return this.#counts.size === 0
  }

  keys(): Iterable<string> {
    return this.#counts.keys()
  }

  add(room: NodeRoom, topologyKey: string, count: number): void {
    const value = room.node.metadata.labels?.[topologyKey]
    if (value === undefined) return
    let counts = this.#counts.get(topologyKey)
    if (!counts) this.#counts.set(topologyKey, (counts = new Map()))
    counts.set(value, (counts.get(value) ?? 0) + count)
  }

  /** Count in the node's domain; 0 when the node has no such label. */
  at(room: NodeRoom, topologyKey: string): number {
    const value = room.node.metadata.labels?.[topologyKey]
    return value === undefined ? 0 : (this.#counts.get(topologyKey)?.get(value) ?? 0)
  }
}

/** A spread constraint with its defaults filled in. */
export interface SpreadConstraint {
  readonly topologyKey: string
  readonly maxSkew: number
  readonly minDomains: number
  readonly selector: LabelMatcher
  readonly honorsAffinity: boolean
  readonly honorsTaints: boolean
}

/** The pod's constraints of one kind: `DoNotSchedule` or `ScheduleAnyway`. */
export function spreadConstraints(
  pod: Pod,
  whenUnsatisfiable: 'DoNotSchedule' | 'ScheduleAnyway',
): readonly SpreadConstraint[] {
  return (pod.spec.topologySpreadConstraints ?? [])
    .filter((one) => one.whenUnsatisfiable === whenUnsatisfiable)
    .map((one) => ({
      topologyKey: one.topologyKey,
      maxSkew: one.maxSkew,
      minDomains: one.minDomains ?? 1,
      selector: selectorOf(one, pod),
      honorsAffinity: one.nodeAffinityPolicy !== 'Ignore',
      honorsTaints: one.nodeTaintsPolicy === 'Honor',
    }))
}

/** Whether the node has the labels of all the constraints' domains. */
export function hasAllTopologies(
  room: NodeRoom,
  constraints: readonly SpreadConstraint[],
): boolean {
  const labels = room.node.metadata.labels
  return constraints.every(({ topologyKey }) => labels?.[topologyKey] !== undefined)
}

/** Whether pods on that node count for a constraint of `pod`. */
export function countsFor(constraint: SpreadConstraint, pod: PodFacts, room: NodeRoom): boolean {
  if (constraint.honorsAffinity && pod.requiredNodes && !pod.requiredNodes(room.node)) return false
  return !constraint.honorsTaints || !untoleratedTaint(room.node.spec?.taints, pod.tolerations)
}

/** Pods of the namespace on that node which the selector selects and which are not ending. */
export function countSelected(room: NodeRoom, selector: LabelMatcher, namespace: string): number {
  if (selector.isEmpty) return 0
  let count = 0
  for (const pod of room.pods.values()) {
    if (pod.namespace !== namespace || pod.isTerminating) continue
    if (selector.matches(pod.labels)) count += 1
  }
  return count
}

/** For each constraint the count in each domain; domains without pods have 0. */
export function domainCounts(
  pod: PodFacts,
  constraints: readonly SpreadConstraint[],
  rooms: ClusterRooms,
): readonly ReadonlyMap<string, number>[] {
  const counts = constraints.map(() => new Map<string, number>())
  if (constraints.length === 0) return counts
  for (const room of rooms.rooms) {
    if (!hasAllTopologies(room, constraints)) continue
    for (const [index, constraint] of constraints.entries()) {
      if (!countsFor(constraint, pod, room)) continue
      const value = room.node.metadata.labels?.[constraint.topologyKey] ?? ''
      const selected = countSelected(room, constraint.selector, pod.namespace)
      counts[index]?.set(value, (counts[index].get(value) ?? 0) + selected)
    }
  }
  return counts
}

function selectorOf(
  constraint: {
    readonly labelSelector?: Parameters<typeof matcherOf>[0]
    readonly matchLabelKeys?: readonly string[]
  },
  pod: Pod,
): LabelMatcher {
  const { labelSelector, matchLabelKeys = [] } = constraint
  if (!labelSelector) return matcherOf(undefined)
  const byKeys = matchLabelKeys.flatMap((key) => {
    const value = pod.metadata.labels?.[key]
    return value === undefined ? [] : [{ key, operator: 'In', values: [value] }]
  })
  return matcherOfRequirements([
    ...requirementsOf(labelSelector.matchLabels),
    ...(labelSelector.matchExpressions ?? []),
    ...byKeys,
  ])
}
