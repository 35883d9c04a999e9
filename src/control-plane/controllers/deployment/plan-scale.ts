// SPDX-License-Identifier: Apache-2.0
// What a change of a Deployment's size means for its ReplicaSets, outside of a rollout's steps: while
// several of them have pods each gets its share, so that scaling neither hastens nor undoes a rollout.
import type { Deployment, ReplicaSet } from '../../../kube/types.gen.ts'
import { activeOf, availableOf, byAge, replicasOf, sum } from './deployment-view.ts'
import type { DeploymentView } from './deployment-view.ts'
import type { Sizes } from './plan-rollout.ts'
import { recordedDesired, recordedMax } from './revisions.ts'
import { rolloutLimits } from './rollout-limits.ts'

/** Whether the size was changed since the ReplicaSets were last scaled. */
export function isScalingEvent({ deployment, current, old }: DeploymentView): boolean {
  const { replicas = 1 } = deployment.spec
  return activeOf(current ? [...old, current] : old).some((one) => {
    const desired = recordedDesired(one)
    return desired !== undefined && desired !== replicas
  })
}

/** New sizes; a ReplicaSet that is named keeps record of the new size, even when its own stays. */
export function planScale(view: DeploymentView): Sizes {
  const { deployment, current, old } = view
  const { replicas = 1, strategy } = deployment.spec
  const all = current ? [...old, current] : old
  const active = activeOf(all)
  const only = active.length === 0 ? (current ?? old.at(-1)) : active[0]
  if (active.length <= 1) return new Map(only ? [[only, replicas]] : [])
  if (current && isSaturated(current, deployment)) {
    return new Map(activeOf(old).map((one) => [one, 0]))
  }
  return strategy?.type === 'RollingUpdate' ? proportionalSizes(deployment, active) : new Map()
}

function isSaturated(current: ReplicaSet, { spec }: Deployment): boolean {
  const { replicas = 1 } = spec
  return (
    replicasOf(current) === replicas &&
    recordedDesired(current) === replicas &&
    availableOf(current) === replicas
  )
}

function proportionalSizes(deployment: Deployment, active: readonly ReplicaSet[]): Sizes {
  const { replicas = 1 } = deployment.spec
  const allowed = replicas === 0 ? 0 : replicas + rolloutLimits(deployment).maxSurge
  const toAdd = allowed - sum(active, replicasOf)
  const isUp = toAdd > 0
  const sorted = [...active].sort(
    (a, b) => replicasOf(b) - replicasOf(a) || (isUp ? byAge(b, a) : byAge(a, b)),
  )
  const sizes = new Map<ReplicaSet, number>()
  let added = 0
  for (const one of sorted) {
    const left = toAdd - added
    const share = shareOf(one, deployment)
    const part = isUp ? Math.min(share, left) : Math.max(share, left)
    const change = left === 0 ? 0 : part
    sizes.set(one, replicasOf(one) + change)
    added += change
  }
  // What rounding has left over goes to the largest.
  const [largest] = sorted
  if (largest) sizes.set(largest, Math.max(0, (sizes.get(largest) ?? 0) + toAdd - added))
  return sizes
}

function shareOf(one: ReplicaSet, deployment: Deployment): number {
  const { replicas = 1 } = deployment.spec
  const own = replicasOf(one)
  if (replicas === 0) return -own
  const before = recordedMax(one) || (deployment.status?.replicas ?? 0)
  if (before === 0) return 0
  const wanted = (own * (replicas + rolloutLimits(deployment).maxSurge)) / before
  return Math.floor(wanted + 0.5) - own
}
