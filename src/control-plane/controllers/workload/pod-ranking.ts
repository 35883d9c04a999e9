// SPDX-License-Identifier: Apache-2.0
// Which pods to delete first when there are too many: those that do least. The order of the rules is
// Kubernetes' own, and users rely on it (pod-deletion-cost, for one).
import type { Pod } from '../../../kube/types.gen.ts'
import { parseWireTime } from '../../../util/wire-time.ts'
import { isPodActive, isPodReady, readySinceMs, sidecarNames } from './pod-facts.ts'

export interface RankingOptions {
  readonly nowMs: number
  /** Pods of the same set, or of its siblings: of two on one node, one goes first. */
  readonly related?: readonly Pod[]
  /**
   * ReplicaSets compare ages by their order of magnitude and heed deletion costs; Jobs compare
   * exact times.
   */
  readonly isByMagnitude?: boolean
}

/** The pods, those to be deleted first in front. */
export function byDeletionPreference(
  pods: readonly Pod[],
  options: RankingOptions,
): readonly Pod[] {
  const perNode = countPerNode(options.related ?? [])
  const ranked = pods.map((pod) => rank(pod, { options, perNode }))
  ranked.sort((a, b) => compareRanked(a, b, options))
  return ranked.map(({ pod }) => pod)
}

interface Ranked {
  readonly pod: Pod
  readonly isAssigned: boolean
  readonly phase: number
  readonly isReady: boolean
  readonly cost: number
  readonly doubles: number
  /** Undefined when not ready. */
  readonly readyMs: number | undefined
  readonly restarts: number
  readonly sidecarRestarts: number
  readonly createdMs: number | undefined
}

const phases: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 }
const costAnnotation = 'controller.kubernetes.io/pod-deletion-cost'

function rank(
  pod: Pod,
  { options, perNode }: { options: RankingOptions; perNode: ReadonlyMap<string, number> },
): Ranked {
  const { spec, status, metadata } = pod
  const nodeName = spec.nodeName ?? ''
  const sidecars = sidecarNames(pod)
  const sidecarStatuses = status?.initContainerStatuses?.filter(({ name }) => sidecars.has(name))
  return {
    pod,
    isAssigned: nodeName !== '',
    phase: phases[status?.phase ?? ''] ?? 0,
    isReady: isPodReady(pod),
    cost: options.isByMagnitude ? costOf(metadata.annotations?.[costAnnotation]) : 0,
    doubles: perNode.get(nodeName) ?? 0,
    readyMs: readySinceMs(pod),
    restarts: Math.max(0, ...(status?.containerStatuses ?? []).map((one) => one.restartCount)),
    sidecarRestarts: Math.max(0, ...(sidecarStatuses ?? []).map((one) => one.restartCount)),
    createdMs: parseWireTime(metadata.creationTimestamp),
  }
}

/** Negative when `a` is to be deleted before `b`. */
function compareRanked(a: Ranked, b: Ranked, options: RankingOptions): number {
  return (
    Number(a.isAssigned) - Number(b.isAssigned) ||
    a.phase - b.phase ||
    Number(a.isReady) - Number(b.isReady) ||
    a.cost - b.cost ||
    b.doubles - a.doubles ||
    (a.isReady && b.isReady ? compareAges({ a, b }, a.readyMs, b.readyMs, options) : 0) ||
    b.restarts - a.restarts ||
    b.sidecarRestarts - a.sidecarRestarts ||
    compareAges({ a, b }, a.createdMs, b.createdMs, options)
  )
}

/** Younger first; what has no time counts as youngest. */
function compareAges(
  { a, b }: { a: Ranked; b: Ranked },
  aMs: number | undefined,
  bMs: number | undefined,
  { nowMs, isByMagnitude = false }: RankingOptions,
): number {
  if (aMs === bMs) return 0
  if (aMs === undefined) return -1
  if (bMs === undefined) return 1
  if (!isByMagnitude) return bMs - aMs
  const difference = magnitude(nowMs - aMs) - magnitude(nowMs - bMs)
  return difference || (a.pod.metadata.uid < b.pod.metadata.uid ? -1 : 1)
}

/** Order of magnitude of an age, in powers of two of nanoseconds. */
function magnitude(ageMs: number): number {
  return ageMs > 0 ? Math.trunc(Math.log2(ageMs * 1e6)) : -1
}

function costOf(text: string | undefined): number {
  return text !== undefined && /^(?:0|-?[1-9]\d*)$/.test(text) ? Number(text) : 0
}

function countPerNode(pods: readonly Pod[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const pod of pods) {
    if (!isPodActive(pod)) continue
    const nodeName = pod.spec.nodeName ?? ''
    counts.set(nodeName, (counts.get(nodeName) ?? 0) + 1)
  }
  return counts
}
