// SPDX-License-Identifier: Apache-2.0
// A Deployment and its ReplicaSets at one moment: which of them is the new one, and the sums that the
// decisions need.
import type { Deployment, ReplicaSet } from '../../../kube/types.gen.ts'
import { hasTemplateOf } from './pod-template-hash.ts'

export interface DeploymentView {
  readonly deployment: Deployment
  /** The ReplicaSet of the present template, once there is one. */
  readonly current: ReplicaSet | undefined
  /** All others, oldest first. */
  readonly old: readonly ReplicaSet[]
}

export function viewDeployment(
  deployment: Deployment,
  replicaSets: readonly ReplicaSet[],
): DeploymentView {
  const sorted = [...replicaSets].sort(byAge)
  const current = sorted.find((one) => hasTemplateOf(one, deployment))
  return { deployment, current, old: sorted.filter((one) => one !== current) }
}

/** Oldest first; by name when of one age. */
export function byAge({ metadata: a }: ReplicaSet, { metadata: b }: ReplicaSet): number {
  const [x, y] = [a.creationTimestamp ?? '', b.creationTimestamp ?? '']
  if (x !== y) return x < y ? -1 : 1
  return a.name < b.name ? -1 : 1
}

export function replicasOf({ spec }: ReplicaSet): number {
  return spec.replicas ?? 1
}

export function availableOf({ status }: ReplicaSet): number {
  return status?.availableReplicas ?? 0
}

export function sum(
  replicaSets: readonly ReplicaSet[],
  count: (replicaSet: ReplicaSet) => number,
): number {
  return replicaSets.reduce((total, one) => total + count(one), 0)
}

/** Those that want pods. */
export function activeOf(replicaSets: readonly ReplicaSet[]): readonly ReplicaSet[] {
  return replicaSets.filter((one) => replicasOf(one) > 0)
}
