// SPDX-License-Identifier: Apache-2.0
// On which nodes a pod may lie. The filters run in kube-scheduler's order and the first that refuses
// gives the reason, so that the counts in its messages come out the same.
import { portsCollide } from './host-ports.ts'
import type { NodeRoom } from './node-room.ts'
import type { ClusterRooms } from './cluster-rooms.ts'
import type { PodFacts } from './pod-facts.ts'
import { TopologyCounts, domainCounts, spreadConstraints } from './topology-counts.ts'
import type { SpreadConstraint } from './topology-counts.ts'
import { isTolerated, untoleratedTaint } from './taints.ts'

/** Why a node does not do. */
export interface Refusal {
  readonly reasons: readonly string[]
  /** Whether taking other pods off that node could help. */
  readonly isResolvable: boolean
}

/** What is worked out once for a pod before nodes are looked at. */
export interface PodPlan {
  readonly pod: PodFacts
  readonly rooms: ClusterRooms
  readonly constraints: readonly SpreadConstraint[]
  readonly domains: readonly ReadonlyMap<string, number>[]
  /** Fewest pods of any domain, for each constraint. */
  readonly minimums: readonly number[]
  readonly near: TopologyCounts
  readonly far: TopologyCounts
  /** Pods on nodes that do not want this one near. */
  readonly unwelcome: TopologyCounts
  /** Whether pods on other nodes matter for this one. */
  readonly dependsOnPods: boolean
}

/** Looks at the cluster as a whole for `pod`. */
export function planPod(pod: PodFacts, rooms: ClusterRooms): PodPlan {
  const constraints = spreadConstraints(pod.pod, 'DoNotSchedule')
  const domains = domainCounts(pod, constraints, rooms)
  const near = new TopologyCounts()
  const far = new TopologyCounts()
  const unwelcome = new TopologyCounts()
  const { requiredNear, requiredFar } = pod.affinity
  if (requiredNear.length + requiredFar.length > 0) countIncoming(pod, rooms, { near, far })
  if (rooms.hasAffinity) countExisting(pod, rooms, unwelcome)
  return {
    pod,
    rooms,
    constraints,
    domains,
    minimums: domains.map((counts, index) => minimumOf(counts, constraints[index])),
    near,
    far,
    unwelcome,
    dependsOnPods:
      constraints.length + requiredNear.length + requiredFar.length > 0 || !unwelcome.isEmpty,
  }
}

/** Why `room` does not do for the pod of the plan, or undefined when it does. */
export function refusalOf(plan: PodPlan, room: NodeRoom): Refusal | undefined {
  const { pod } = plan
  const { spec } = room.node
  if (spec?.unschedulable && !toleratesUnschedulable(pod))
    return never('node(s) were unschedulable')
  const wantedName = pod.pod.spec.nodeName ?? ''
  if (wantedName !== '' && wantedName !== room.name) {
    return never("node(s) didn't match the requested node name")
  }
  if (untoleratedTaint(spec?.taints, pod.tolerations)) {
    return never('node(s) had untolerated taint(s)')
  }
  if (pod.requiredNodes && !pod.requiredNodes(room.node)) {
    return never("node(s) didn't match Pod's node affinity/selector")
  }
  const nominated = plan.rooms.nominatedOn(room.name, pod)
  const isPortTaken =
    portsCollide(pod.ports, room.ports) ||
    nominated.some(({ ports }) => portsCollide(pod.ports, ports))
  if (isPortTaken) {
    return perhaps("node(s) didn't have free ports for the requested pod ports")
  }
  return (
    resourceRefusal(pod, room, nominated) ??
    spreadRefusal(plan, room) ??
    affinityRefusal(plan, room)
  )
}

function never(reason: string): Refusal {
  return { reasons: [reason], isResolvable: false }
}

function perhaps(reason: string): Refusal {
  return { reasons: [reason], isResolvable: true }
}

function toleratesUnschedulable({ tolerations }: PodFacts): boolean {
  return isTolerated({ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }, tolerations)
}

function resourceRefusal(
  { requests }: PodFacts,
  room: NodeRoom,
  nominated: readonly PodFacts[],
): Refusal | undefined {
  const { allocatable, requested } = room
  const isFull = room.pods.size + nominated.length + 1 > room.maxPods
  let reasons: string[] | undefined = isFull ? ['Too many pods'] : undefined
  let isResolvable = true
  const refuse = (name: string, isBeyond: boolean): void => {
    reasons ??= []
    reasons.push(`Insufficient ${name}`)
    if (isBeyond) isResolvable = false
  }
  for (const [name, field] of plainResources) {
    const wanted = requests[field]
    if (wanted === 0) continue
    const has = allocatable[field]
    let used = requested[field]
    for (const one of nominated) used += one.requests[field]
    if (wanted > has - used) refuse(name, wanted > has)
  }
  for (const [name, wanted] of requests.scalars) {
    if (wanted === 0) continue
    const has = allocatable.scalars.get(name) ?? 0
    let used = requested.scalars.get(name) ?? 0
    for (const one of nominated) used += one.requests.scalars.get(name) ?? 0
    if (wanted > has - used) refuse(name, wanted > has)
  }
  return reasons && { reasons, isResolvable }
}

const plainResources = [
  ['cpu', 'milliCpu'],
  ['memory', 'memoryBytes'],
  ['ephemeral-storage', 'ephemeralStorageBytes'],
] as const

const spreadReason = "node(s) didn't match pod topology spread constraints"

function spreadRefusal(plan: PodPlan, room: NodeRoom): Refusal | undefined {
  for (const [index, constraint] of plan.constraints.entries()) {
    const value = room.node.metadata.labels?.[constraint.topologyKey]
    if (value === undefined) return never(`${spreadReason} (missing required label)`)
    const count = plan.domains[index]?.get(value) ?? 0
    const own = constraint.selector.matches(plan.pod.labels) ? 1 : 0
    if (count + own - (plan.minimums[index] ?? 0) > constraint.maxSkew) return perhaps(spreadReason)
  }
  return undefined
}

function minimumOf(
  counts: ReadonlyMap<string, number>,
  constraint: SpreadConstraint | undefined,
): number {
  if (counts.size < (constraint?.minDomains ?? 1)) return 0
  // Not Math.min(...): there may be as many domains as nodes.
  let minimum = Infinity
  for (const count of counts.values()) minimum = Math.min(minimum, count)
  return minimum === Infinity ? 0 : minimum
}

function affinityRefusal(plan: PodPlan, room: NodeRoom): Refusal | undefined {
  const { pod, near, far, unwelcome } = plan
  if (!isNearEnough(plan, room, near)) return never("node(s) didn't match pod affinity rules")
  if (pod.affinity.requiredFar.some(({ topologyKey }) => far.at(room, topologyKey) > 0)) {
    return perhaps("node(s) didn't match pod anti-affinity rules")
  }
  for (const topologyKey of unwelcome.keys()) {
    if (unwelcome.at(room, topologyKey) > 0) {
      return perhaps("node(s) didn't satisfy existing pods anti-affinity rules")
    }
  }
  return undefined
}

function isNearEnough({ pod, rooms }: PodPlan, room: NodeRoom, near: TopologyCounts): boolean {
  const terms = pod.affinity.requiredNear
  if (terms.length === 0) return true
  const labels = room.node.metadata.labels
  if (terms.some(({ topologyKey }) => labels?.[topologyKey] === undefined)) return false
  if (terms.every(({ topologyKey }) => near.at(room, topologyKey) > 0)) return true
  // The first pod of a group that wants to be near itself has nobody to be near to.
  const { namespaceLabels } = rooms.facts
  return near.isEmpty && terms.every((term) => term.matches(pod, namespaceLabels))
}

function countIncoming(
  { affinity: { requiredNear, requiredFar } }: PodFacts,
  { rooms, facts: { namespaceLabels } }: ClusterRooms,
  { near, far }: { readonly near: TopologyCounts; readonly far: TopologyCounts },
): void {
  for (const room of rooms) {
    for (const other of room.pods.values()) {
      if (
        requiredNear.length > 0 &&
        requiredNear.every((term) => term.matches(other, namespaceLabels))
      ) {
        for (const { topologyKey } of requiredNear) near.add(room, topologyKey, 1)
      }
      for (const term of requiredFar) {
        if (term.matches(other, namespaceLabels)) far.add(room, term.topologyKey, 1)
      }
    }
  }
}

function countExisting(
  pod: PodFacts,
  { rooms, facts: { namespaceLabels } }: ClusterRooms,
  unwelcome: TopologyCounts,
): void {
  for (const room of rooms) {
    for (const { affinity } of room.podsWithAffinity) {
      for (const term of affinity.requiredFar) {
        if (term.matches(pod, namespaceLabels)) unwelcome.add(room, term.topologyKey, 1)
      }
    }
  }
}
