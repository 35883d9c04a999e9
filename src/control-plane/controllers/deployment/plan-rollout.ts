// SPDX-License-Identifier: Apache-2.0
// One step of a rollout: which ReplicaSets get which size. Pure. Invariants of a rolling update: the
// wanted sizes never add up to more than replicas + maxSurge, and pods that are available are given up
// only while at least replicas - maxUnavailable stay.
import type { Deployment, ReplicaSet } from '../../../kube/types.gen.ts'
import { activeOf, availableOf, byAge, replicasOf, sum } from './deployment-view.ts'
import { rolloutLimits } from './rollout-limits.ts'

/** New sizes by ReplicaSet; empty when nothing is to be changed. */
export type Sizes = ReadonlyMap<ReplicaSet, number>

export interface RolloutView {
  readonly deployment: Deployment
  readonly current: ReplicaSet
  readonly old: readonly ReplicaSet[]
}

const noChange: Sizes = new Map()

/** The size of the new ReplicaSet, given what all of them (itself included) want so far. */
export function nextSizeOfCurrent(
  deployment: Deployment,
  { total, own }: { readonly total: number; readonly own: number },
): number {
  const { replicas = 1, strategy } = deployment.spec
  if (strategy?.type === 'Recreate') return replicas
  const room = replicas + rolloutLimits(deployment).maxSurge - total
  if (room <= 0) return own
  return own + Math.min(room, replicas - own)
}

/** RollingUpdate: first the new one grows as far as it may, then the old ones shrink. */
export function planRolling(view: RolloutView): Sizes {
  const { deployment, current, old } = view
  const { replicas = 1 } = deployment.spec
  const own = replicasOf(current)
  if (own > replicas) return new Map([[current, replicas]])
  const total = sum([...old, current], replicasOf)
  const size = nextSizeOfCurrent(deployment, { total, own })
  if (size !== own) return new Map([[current, size]])
  return shrinkOld(view, total)
}

/** Recreate: the old ones go first; the new one comes when no old pod is left. */
export function planRecreate(
  { deployment, current, old }: RolloutView,
  hasOldPods: boolean,
): Sizes {
  const active = activeOf(old)
  if (active.length > 0) return new Map(active.map((one) => [one, 0]))
  const { replicas = 1 } = deployment.spec
  if (hasOldPods || replicasOf(current) === replicas) return noChange
  return new Map([[current, replicas]])
}

function shrinkOld({ deployment, current, old }: RolloutView, total: number): Sizes {
  const active = [...activeOf(old)].sort(byAge)
  if (active.length === 0) return noChange
  const { replicas = 1 } = deployment.spec
  const minAvailable = replicas - rolloutLimits(deployment).maxUnavailable
  const unavailableNew = replicasOf(current) - availableOf(current)
  const mayGo = total - minAvailable - unavailableNew
  if (mayGo <= 0) return noChange
  const sizes = new Map<ReplicaSet, number>()
  // Pods that are not available serve nobody: they go first, and cost no availability.
  shrink(active, { sizes, count: mayGo, most: (one) => replicasOf(one) - availableOf(one) })
  const available = sum([...active, current], availableOf)
  const surplus = available - minAvailable
  if (surplus > 0)
    shrink(active, { sizes, count: surplus, most: (one) => sizes.get(one) ?? replicasOf(one) })
  return sizes
}

function shrink(
  replicaSets: readonly ReplicaSet[],
  parts: {
    readonly sizes: Map<ReplicaSet, number>
    readonly count: number
    readonly most: (replicaSet: ReplicaSet) => number
  },
): void {
  let left = parts.count
  for (const one of replicaSets) {
    const by = Math.min(left, parts.most(one))
    if (by <= 0) continue
    parts.sizes.set(one, (parts.sizes.get(one) ?? replicasOf(one)) - by)
    left -= by
  }
}
