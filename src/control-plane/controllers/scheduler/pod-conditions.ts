// SPDX-License-Identifier: Apache-2.0
// Changing a pod's conditions without losing what its node writes at the same time: read, change, write
// with the version that was read, again when somebody was faster.
import { pods } from '../../../kube/resources.ts'
import type { Pod, PodCondition, PodStatus } from '../../../kube/types.gen.ts'
import type { ClusterApi, ObjectPlace } from '../cluster-api.ts'
import { wireTime } from '../../../util/wire-time.ts'
import { isConflict } from '../workload/controller-queue.ts'

const maxTries = 10

/** The status with the condition in it; the same status when nothing changes. */
export function withPodCondition(
  status: PodStatus | undefined,
  condition: PodCondition,
  nowMs: number,
): PodStatus {
  const conditions = status?.conditions ?? []
  const old = conditions.find(({ type }) => type === condition.type)
  const isSame =
    old &&
    old.status === condition.status &&
    (old.reason ?? '') === (condition.reason ?? '') &&
    (old.message ?? '') === (condition.message ?? '')
  if (isSame && status) return status
  const isTransition = old?.status !== condition.status
  const lastTransitionTime = (isTransition ? undefined : old?.lastTransitionTime) ?? wireTime(nowMs)
  const next = { ...condition, lastTransitionTime }
  return {
    ...status,
    conditions: old ? conditions.map((one) => (one === old ? next : one)) : [...conditions, next],
  }
}

/**
 * Replaces the pod's status by what `change` makes of it; nothing is written when that returns the same.
 * Resolves with the pod, or undefined when it is gone or another pod of that name.
 */
export async function changePodStatus(
  api: ClusterApi,
  at: Required<ObjectPlace> & { readonly uid: string },
  change: (status: PodStatus | undefined, pod: Pod) => PodStatus | undefined,
): Promise<Pod | undefined> {
  for (let tries = 1; ; tries++) {
    const pod = api.get(pods, { namespace: at.namespace, name: at.name })
    if (!pod || pod.metadata.uid !== at.uid) return undefined
    const status = change(pod.status, pod)
    if (status === undefined || status === pod.status) return pod
    try {
      return await api.updateStatus(pods, { ...pod, status })
    } catch (error) {
      if (!isConflict(error) || tries === maxTries) throw error
    }
  }
}
