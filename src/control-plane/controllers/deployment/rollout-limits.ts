// SPDX-License-Identifier: Apache-2.0
// How far a rolling update may depart from the wanted number of pods.
import type { Deployment } from '../../../kube/types.gen.ts'
import { scaledValue } from '../workload/int-or-percent.ts'

export interface RolloutLimits {
  /** Pods that may exist beyond the wanted number. */
  readonly maxSurge: number
  /** Pods of the wanted number that may be missing. */
  readonly maxUnavailable: number
}

export function rolloutLimits({ spec }: Deployment): RolloutLimits {
  const { replicas = 1, strategy } = spec
  if (strategy?.type !== 'RollingUpdate') return { maxSurge: 0, maxUnavailable: 0 }
  const { rollingUpdate } = strategy
  const maxSurge = scaledValue(rollingUpdate?.maxSurge, { total: replicas, round: 'up' })
  const rounded = scaledValue(rollingUpdate?.maxUnavailable, { total: replicas, round: 'down' })
  // A rollout that may go neither up nor down would never move.
  const maxUnavailable = maxSurge === 0 && rounded === 0 ? 1 : rounded
  return { maxSurge, maxUnavailable: Math.min(maxUnavailable, replicas) }
}
