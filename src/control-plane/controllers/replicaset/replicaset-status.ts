// SPDX-License-Identifier: Apache-2.0
// The status of a ReplicaSet, from its pods. Pure.
import type { Pod, ReplicaSet, ReplicaSetStatus } from '../../../kube/types.gen.ts'
import { matcherOf } from '../../../kube/label-matcher.ts'
import { wireTime } from '../../../util/wire-time.ts'
import { isPodAvailable, isPodReady } from '../workload/pod-facts.ts'
import { conditionOf, nonZero, withCondition, withoutCondition } from '../workload/status-fields.ts'

export interface ObservedReplicas {
  readonly active: readonly Pod[]
  /** How many of its pods are being deleted. */
  readonly terminating: number
  /** Why pods could not be created or deleted, if so. */
  readonly failure: string | undefined
  readonly nowMs: number
}

export function replicaSetStatus(
  replicaSet: ReplicaSet,
  observed: ObservedReplicas,
): ReplicaSetStatus {
  const { metadata, spec } = replicaSet
  const { active, terminating, nowMs } = observed
  const { minReadySeconds = 0 } = spec
  const { matches } = matcherOf({ matchLabels: spec.template?.metadata?.labels ?? {} })
  const conditions = failureConditions(replicaSet, observed)
  return {
    replicas: active.length,
    ...nonZero({
      fullyLabeledReplicas: active.filter((pod) => matches(pod.metadata.labels)).length,
      readyReplicas: active.filter(isPodReady).length,
      availableReplicas: active.filter((pod) => isPodAvailable(pod, { minReadySeconds, nowMs }))
        .length,
    }),
    terminatingReplicas: terminating,
    ...(metadata.generation !== undefined && { observedGeneration: metadata.generation }),
    ...(conditions.length > 0 && { conditions }),
  }
}

// A failure keeps its first reason and message until it is over.
function failureConditions(
  { spec, status }: ReplicaSet,
  { active, failure, nowMs }: ObservedReplicas,
): NonNullable<ReplicaSetStatus['conditions']> {
  const type = 'ReplicaFailure'
  const { conditions = [] } = status ?? {}
  if (failure === undefined) return withoutCondition(conditions, type)
  if (conditionOf(conditions, type)) return conditions
  const isShort = active.length < (spec.replicas ?? 1)
  return withCondition(conditions, {
    type,
    status: 'True',
    lastTransitionTime: wireTime(nowMs),
    reason: isShort ? 'FailedCreate' : 'FailedDelete',
    message: failure,
  })
}
