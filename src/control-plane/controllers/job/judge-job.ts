// SPDX-License-Identifier: Apache-2.0
// Whether a Job has to end, and how. An ending is first announced (SuccessCriteriaMet, FailureTarget),
// and becomes final (Complete, Failed) when no pod of the Job is left running. What was announced is
// never taken back. Pure.
import type { Job, JobCondition, Pod } from '../../../kube/types.gen.ts'
import { wireTime, parseWireTime } from '../../../util/wire-time.ts'
import { countIndexes } from './index-ranges.ts'
import { completionsOf, hasFailed, isIndexed, isSuspended, trueCondition } from './job-facts.ts'
import type { JobView } from './job-view.ts'
import { judgeFailedPod } from './pod-failure-policy.ts'
import { successPolicyMessage } from './success-policy.ts'

/** The ending that has been announced already, or is to be announced now; undefined: the Job goes on. */
export function judgeJob(view: JobView): JobCondition | undefined {
  const { job } = view
  return (
    trueCondition(job, 'SuccessCriteriaMet') ??
    trueCondition(job, 'FailureTarget') ??
    failureOf(view) ??
    (isIndexed(job) ? indexedEndingOf(view) : undefined)
  )
}

/** The ending of a Job that has all the successes it wants and no pod running. */
export function completionOf(
  { job, succeeded, nowMs }: JobView,
  active: number,
): JobCondition | undefined {
  const isReached =
    job.spec.completions === undefined ? succeeded > 0 : succeeded >= job.spec.completions
  if (!isReached || active > 0) return undefined
  const message = 'Reached expected number of succeeded pods'
  return jobCondition('SuccessCriteriaMet', { reason: 'CompletionsReached', message, nowMs })
}

/** Milliseconds until the Job has been active for too long; undefined when it may be for ever. */
export function deadlineInMs({ job, nowMs }: JobView): number | undefined {
  const { activeDeadlineSeconds } = job.spec
  const startMs = parseWireTime(job.status?.startTime)
  if (activeDeadlineSeconds === undefined || startMs === undefined || isSuspended(job)) {
    return undefined
  }
  return startMs + activeDeadlineSeconds * 1000 - nowMs
}

/** A condition that is True from now on. */
export function jobCondition(
  type: string,
  parts: { readonly reason?: string; readonly message?: string; readonly nowMs: number },
): JobCondition {
  const { nowMs, ...words } = parts
  const time = wireTime(nowMs)
  return { type, status: 'True', lastProbeTime: time, lastTransitionTime: time, ...words }
}

function failureOf(view: JobView): JobCondition | undefined {
  const { job, pods, failed, nowMs } = view
  const fail = (reason: string, message: string): JobCondition =>
    jobCondition('FailureTarget', { reason, message, nowMs })
  const policyMessage = failJobMessage(job, pods)
  if (policyMessage !== undefined) return fail('PodFailurePolicy', policyMessage)
  if (failed > backoffLimitOf(job) || hasRestartedTooOften(job, pods)) {
    return fail('BackoffLimitExceeded', 'Job has reached the specified backoff limit')
  }
  if ((deadlineInMs(view) ?? Infinity) <= 0) {
    return fail('DeadlineExceeded', 'Job was active longer than specified deadline')
  }
  return undefined
}

function indexedEndingOf(view: JobView): JobCondition | undefined {
  const { job, failedIndexes = [], succeededIndexes, nowMs } = view
  const failed = countIndexes(failedIndexes)
  if (failed > (job.spec.maxFailedIndexes ?? Infinity)) {
    const message = 'Job has exceeded the specified maximal number of failed indexes'
    return jobCondition('FailureTarget', { reason: 'MaxFailedIndexesExceeded', message, nowMs })
  }
  if (failed > 0 && failed + countIndexes(succeededIndexes) >= completionsOf(job)) {
    const message = 'Job has failed indexes'
    return jobCondition('FailureTarget', { reason: 'FailedIndexes', message, nowMs })
  }
  const message = successPolicyMessage(job, succeededIndexes)
  if (message === undefined) return undefined
  return jobCondition('SuccessCriteriaMet', { reason: 'SuccessPolicy', message, nowMs })
}

function failJobMessage(job: Job, pods: readonly Pod[]): string | undefined {
  if (!job.spec.podFailurePolicy) return undefined
  for (const pod of pods) {
    const { message } = hasFailed(job, pod) ? judgeFailedPod(job, pod) : {}
    if (message !== undefined) return message
  }
  return undefined
}

function backoffLimitOf({ spec }: Job): number {
  return spec.backoffLimit ?? 6
}

// With restartPolicy OnFailure the kubelet restarts containers; those restarts are the failures.
function hasRestartedTooOften(job: Job, pods: readonly Pod[]): boolean {
  if (job.spec.template.spec?.restartPolicy !== 'OnFailure') return false
  let restarts = 0
  for (const { status } of pods) {
    if (status?.phase !== 'Running' && status?.phase !== 'Pending') continue
    for (const { restartCount } of status.initContainerStatuses ?? []) restarts += restartCount
    for (const { restartCount } of status.containerStatuses ?? []) restarts += restartCount
  }
  const limit = backoffLimitOf(job)
  return limit === 0 ? restarts > 0 : restarts >= limit
}
