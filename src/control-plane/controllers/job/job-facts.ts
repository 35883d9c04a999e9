// SPDX-License-Identifier: Apache-2.0
// What the decisions about a Job ask of it and of its pods.
import type { Job, JobCondition, Pod } from '../../../kube/types.gen.ts'
import { conditionOf } from '../workload/status-fields.ts'

/** On every pod of a Job until the Job's status has counted it. */
export const trackingFinalizer = 'batch.kubernetes.io/job-tracking'
/** Annotation and label of a pod of an Indexed Job. */
export const completionIndexKey = 'batch.kubernetes.io/job-completion-index'

const controllerName = 'kubernetes.io/job-controller'

/** What a condition of type `type` says when it is True; undefined otherwise. */
export function trueCondition(job: Job, type: string): JobCondition | undefined {
  const condition = conditionOf(job.status?.conditions, type)
  return condition?.status === 'True' ? condition : undefined
}

/** The condition that ended the Job, if it has ended. */
export function finishedCondition(job: Job): JobCondition | undefined {
  return trueCondition(job, 'Complete') ?? trueCondition(job, 'Failed')
}

export function isIndexed({ spec }: Job): boolean {
  return spec.completionMode === 'Indexed'
}

export function isSuspended({ spec }: Job): boolean {
  return spec.suspend === true
}

/** Whether another controller has taken responsibility for the Job. */
export function isManagedElsewhere({ spec }: Job): boolean {
  return spec.managedBy !== undefined && spec.managedBy !== controllerName
}

/** Pods are replaced only once they have ended, not as soon as they are being deleted. */
export function replacesOnlyFailed({ spec }: Job): boolean {
  return spec.podReplacementPolicy === 'Failed' || spec.podFailurePolicy !== undefined
}

export function completionsOf({ spec }: Job): number {
  return spec.completions ?? Infinity
}

/** The index of a pod; undefined when it has none that an Indexed Job could count. */
export function completionIndexOf({ metadata }: Pod): number | undefined {
  const text = metadata.annotations?.[completionIndexKey]
  return text !== undefined && /^\+?\d+$/.test(text) ? Number(text) : undefined
}

/** The pod's index when it is one of the Job's. */
export function validIndexOf(job: Job, pod: Pod): number | undefined {
  const index = completionIndexOf(pod)
  return index !== undefined && index < completionsOf(job) ? index : undefined
}

export function isTracked({ metadata }: Pod): boolean {
  return metadata.finalizers?.includes(trackingFinalizer) ?? false
}

export function hasSucceeded({ status }: Pod): boolean {
  return status?.phase === 'Succeeded'
}

/** Failed, or deleted before it could end, unless the Job waits for the end. */
export function hasFailed(job: Job, pod: Pod): boolean {
  if (pod.status?.phase === 'Failed') return true
  if (replacesOnlyFailed(job)) return false
  return pod.metadata.deletionTimestamp !== undefined && !hasSucceeded(pod)
}
