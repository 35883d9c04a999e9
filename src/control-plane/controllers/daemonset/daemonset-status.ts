// SPDX-License-Identifier: Apache-2.0
// The status of a DaemonSet: what is on the nodes, counted by nodes. Pure.
import type { DaemonSetStatus } from '../../../kube/types.gen.ts'
import { isPodReady } from '../workload/pod-facts.ts'
import { nonZero } from '../workload/status-fields.ts'
import { isUpdated } from './daemon-pod.ts'
import type { DaemonSetView } from './daemonset-view.ts'

export function daemonSetStatus(view: DaemonSetView, collisionCount: number): DaemonSetStatus {
  const { set, nodeViews, isAvailable } = view
  const wanted = nodeViews.filter(({ shouldRun }) => shouldRun)
  const unwanted = nodeViews.filter(({ shouldRun }) => !shouldRun)
  const oldest = wanted.map(({ pods }) => pods[0]).filter((pod) => pod !== undefined)
  const available = oldest.filter(isAvailable).length
  return {
    desiredNumberScheduled: wanted.length,
    currentNumberScheduled: oldest.length,
    numberMisscheduled: unwanted.filter(({ pods }) => pods.length > 0).length,
    numberReady: oldest.filter(isPodReady).length,
    ...nonZero({
      observedGeneration: set.metadata.generation ?? 0,
      updatedNumberScheduled: oldest.filter((pod) => isUpdated(pod, view)).length,
      numberAvailable: available,
      numberUnavailable: wanted.length - available,
      collisionCount,
    }),
    ...(set.status?.conditions && { conditions: set.status.conditions }),
  }
}
