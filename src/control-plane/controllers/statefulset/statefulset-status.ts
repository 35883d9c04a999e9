// SPDX-License-Identifier: Apache-2.0
// The status of a StatefulSet, from its pods. Pure.
import type { StatefulSetStatus } from '../../../kube/types.gen.ts'
import { isPodAvailable, isPodReady } from '../workload/pod-facts.ts'
import { nonZero } from '../workload/status-fields.ts'
import type { StatefulSetView } from './decide-statefulset.ts'
import { revisionOfPod } from './stateful-identity.ts'

export function statefulSetStatus(
  view: StatefulSetView,
  collisionCount: number,
): StatefulSetStatus {
  const { set, pods, currentRevision, updateRevision, nowMs } = view
  const { minReadySeconds = 0, replicas = 1, updateStrategy } = set.spec
  const staying = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  const countOf = (revision: string): number =>
    staying.filter((pod) => revisionOfPod(pod) === revision).length
  const ready = pods.filter((pod) => pod.status?.phase === 'Running' && isPodReady(pod))
  const updatedReplicas = countOf(updateRevision)
  const isUpdated =
    updateStrategy?.type === 'RollingUpdate' &&
    [updatedReplicas, ready.length, pods.length].every((count) => count === replicas)
  return {
    replicas: pods.length,
    availableReplicas: ready.filter((pod) => isPodAvailable(pod, { minReadySeconds, nowMs }))
      .length,
    ...nonZero({
      observedGeneration: set.metadata.generation ?? 0,
      readyReplicas: ready.length,
      currentReplicas: isUpdated ? updatedReplicas : countOf(currentRevision),
      updatedReplicas,
    }),
    // An update that is through makes its revision the current one.
    currentRevision: isUpdated ? updateRevision : currentRevision,
    updateRevision,
    collisionCount,
    ...(set.status?.conditions && { conditions: set.status.conditions }),
  }
}
