// SPDX-License-Identifier: Apache-2.0
// What a ReplicaSet wants done about the number of its pods. Pure: (desired, observed, now) -> actions.
import type { Pod, ReplicaSet } from '../../../kube/types.gen.ts'
import { byDeletionPreference } from '../workload/pod-ranking.ts'

/** One pass creates or deletes at most so many pods. */
export const burstReplicas = 500

export interface ReplicaSetView {
  readonly replicaSet: ReplicaSet
  /** Its active pods. */
  readonly active: readonly Pod[]
  /** Pods of all ReplicaSets with the same controller; asked for only when some are to be deleted. */
  readonly related: () => readonly Pod[]
  readonly nowMs: number
}

/** What is to be done; at most one of the two is not empty. */
export interface ReplicaSetActions {
  readonly create: number
  readonly remove: readonly Pod[]
  /** Whether more of the same has to follow. */
  readonly isCapped: boolean
}

export function decideReplicaSet(view: ReplicaSetView): ReplicaSetActions {
  const { replicaSet, active, related, nowMs } = view
  if (replicaSet.metadata.deletionTimestamp !== undefined) return nothing
  const surplus = active.length - (replicaSet.spec.replicas ?? 1)
  if (surplus < 0) {
    return {
      create: Math.min(-surplus, burstReplicas),
      remove: [],
      isCapped: -surplus > burstReplicas,
    }
  }
  if (surplus === 0) return nothing
  const count = Math.min(surplus, burstReplicas)
  const isAll = count === active.length
  const ranked = isAll
    ? active
    : byDeletionPreference(active, { nowMs, related: related(), isByMagnitude: true })
  return { create: 0, remove: ranked.slice(0, count), isCapped: surplus > burstReplicas }
}

const nothing: ReplicaSetActions = { create: 0, remove: [], isCapped: false }
