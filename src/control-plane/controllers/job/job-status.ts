// SPDX-License-Identifier: Apache-2.0
// The status of a Job, in two steps, so that each ended pod is counted once whatever happens in
// between: first its uid is written down as uncounted (or its index as completed); then the pod loses
// its finalizer and may vanish; then the counter grows and the uid goes. Pure.
import type { JobCondition, JobStatus, Pod } from '../../../kube/types.gen.ts'
import { wireTime } from '../../../util/wire-time.ts'
import { conditionOf, nonZero, withCondition } from '../workload/status-fields.ts'
import { formatIndexRanges, hasIndex, parseIndexRanges } from './index-ranges.ts'
import {
  completionsOf,
  hasFailed,
  hasSucceeded,
  isIndexed,
  isSuspended,
  isTracked,
  validIndexOf,
} from './job-facts.ts'
import type { JobView } from './job-view.ts'
import { jobCondition } from './judge-job.ts'
import { judgeFailedPod } from './pod-failure-policy.ts'

/** So many uids at most lie in a status. */
export const maxUncounted = 500

/** How things stand after a pass has created and deleted pods. */
export interface JobOutcome {
  readonly active: number
  readonly ready: number
  readonly terminating: number
  /** The announced ending, when every running pod has been told to go. */
  readonly ending: JobCondition | undefined
  /** Whether the pass looked after the number of pods, and so knows about suspension. */
  readonly isManaged: boolean
}

export interface Tracking {
  /** What is to be written before finalizers are removed. */
  readonly status: JobStatus
  /** Pods that may lose their finalizer after that. */
  readonly release: readonly Pod[]
  /** Whether more pods wait to be counted. */
  readonly isCapped: boolean
}

/** First step: the status that mentions every ended pod. */
export function trackPods(view: JobView, outcome: JobOutcome): Tracking {
  const { job, pods } = view
  const tracked = new Set(pods.filter(isTracked).map(({ metadata }) => metadata.uid))
  const base = countReleased(job.status ?? {}, tracked)
  const { release, succeeded, failed, isCapped } = collectEnded(view, { outcome, status: base })
  const status: LooseStatus = {
    ...base,
    ...indexFields(view),
    ...suspensionFields(view, { outcome, status: base }),
    active: outcome.active,
    ready: outcome.ready,
    terminating: outcome.terminating,
    uncountedTerminatedPods: {
      ...(succeeded.length > 0 && { succeeded }),
      ...(failed.length > 0 && { failed }),
    },
  }
  return { status: tidy(announce(status, outcome.ending)), release, isCapped }
}

/** Second step, when all pods but those with the uids `tracked` have lost their finalizer. */
export function settleStatus(
  status: JobStatus,
  parts: {
    readonly outcome: JobOutcome
    readonly tracked: ReadonlySet<string>
    readonly isCapped: boolean
    readonly nowMs: number
  },
): { readonly status: JobStatus; readonly finished: JobCondition | undefined } {
  const { outcome, tracked, isCapped, nowMs } = parts
  const settled = countReleased(status, tracked)
  const { succeeded, failed } = settled.uncountedTerminatedPods ?? {}
  const isCounting = isCapped || succeeded !== undefined || failed !== undefined
  if (!outcome.ending || isCounting || outcome.terminating > 0) {
    return { status: tidy(settled), finished: undefined }
  }
  const { type, reason = '', message = '' } = outcome.ending
  const isSuccess = type === 'SuccessCriteriaMet'
  const finished = jobCondition(isSuccess ? 'Complete' : 'Failed', { reason, message, nowMs })
  const ended: JobStatus = {
    ...settled,
    conditions: withCondition(settled.conditions, finished),
    ...(isSuccess && { completionTime: wireTime(nowMs) }),
  }
  return { status: tidy(ended), finished }
}

// Uids whose pods have lost their finalizer become numbers.
function countReleased(status: JobStatus, tracked: ReadonlySet<string>): JobStatus {
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {}
  const stillSucceeded = succeeded.filter((uid) => tracked.has(uid))
  const stillFailed = failed.filter((uid) => tracked.has(uid))
  return {
    ...status,
    succeeded: (status.succeeded ?? 0) + succeeded.length - stillSucceeded.length,
    failed: (status.failed ?? 0) + failed.length - stillFailed.length,
    uncountedTerminatedPods: {
      ...(stillSucceeded.length > 0 && { succeeded: stillSucceeded }),
      ...(stillFailed.length > 0 && { failed: stillFailed }),
    },
  }
}

interface Ended {
  readonly release: Pod[]
  /** Uids, those that the status has already included. */
  readonly succeeded: string[]
  readonly failed: string[]
  isCapped: boolean
}

function collectEnded(
  view: JobView,
  { outcome, status }: { readonly outcome: JobOutcome; readonly status: JobStatus },
): Ended {
  const { job, pods } = view
  const { uncountedTerminatedPods: uncounted = {} } = status
  const known = new Set([...(uncounted.succeeded ?? []), ...(uncounted.failed ?? [])])
  const counted = parseIndexRanges(job.status?.completedIndexes, completionsOf(job))
  const ended: Ended = {
    release: [],
    succeeded: [...(uncounted.succeeded ?? [])],
    failed: [...(uncounted.failed ?? [])],
    isCapped: false,
  }
  let newIndexes = 0
  for (const pod of pods) {
    if (!isTracked(pod) || !mayRelease(view, pod, outcome)) continue
    if (newIndexes + ended.succeeded.length + ended.failed.length >= maxUncounted) {
      ended.isCapped = true
      break
    }
    ended.release.push(pod)
    const { uid } = pod.metadata
    if (known.has(uid)) continue
    const index = isIndexed(job) ? validIndexOf(job, pod) : undefined
    if (hasSucceeded(pod)) {
      if (!isIndexed(job)) ended.succeeded.push(uid)
      else if (index !== undefined && !hasIndex(counted, index)) newIndexes += 1
    } else if (countsAsFailed(view, pod, outcome)) ended.failed.push(uid)
  }
  return ended
}

function mayRelease({ job, toReplace }: JobView, pod: Pod, { ending }: JobOutcome): boolean {
  if (job.metadata.deletionTimestamp !== undefined || ending || hasSucceeded(pod)) return true
  if (!hasFailed(job, pod)) return false
  const index = validIndexOf(job, pod)
  return index === undefined || toReplace.get(index)?.metadata.uid !== pod.metadata.uid
}

// Once a Job fails, the pods that it ends count as failed, too.
function countsAsFailed({ job }: JobView, pod: Pod, { ending }: JobOutcome): boolean {
  const isFailing = ending !== undefined && ending.type !== 'SuccessCriteriaMet'
  if (!hasFailed(job, pod) && !isFailing) return false
  if (isIndexed(job) && validIndexOf(job, pod) === undefined) return false
  return judgeFailedPod(job, pod).isCounted
}

function indexFields({ job, succeeded, succeededIndexes, failedIndexes }: JobView): JobStatus {
  if (!isIndexed(job)) return {}
  return {
    succeeded,
    completedIndexes: formatIndexRanges(succeededIndexes),
    ...(failedIndexes && { failedIndexes: formatIndexRanges(failedIndexes) }),
  }
}

/** A status whose fields may be undefined until it is tidied up. */
type LooseStatus = { readonly [K in keyof JobStatus]: JobStatus[K] | undefined }

function suspensionFields(
  { job, nowMs }: JobView,
  { outcome, status }: { readonly outcome: JobOutcome; readonly status: JobStatus },
): Pick<LooseStatus, 'conditions' | 'startTime'> {
  const now = wireTime(nowMs)
  const { conditions, startTime } = status
  const started = startTime ?? (isSuspended(job) ? undefined : now)
  const old = conditionOf(conditions, 'Suspended')
  if (!outcome.isManaged || outcome.ending) return { conditions, startTime: started }
  if (isSuspended(job)) {
    if (old?.status === 'True') return { conditions, startTime: started }
    const suspended = jobCondition('Suspended', {
      reason: 'JobSuspended',
      message: 'Job suspended',
      nowMs,
    })
    return { conditions: replaceCondition(conditions, suspended), startTime: undefined }
  }
  if (old?.status !== 'True') return { conditions, startTime: started }
  const resumed = {
    ...jobCondition('Suspended', { reason: 'JobResumed', message: 'Job resumed', nowMs }),
    status: 'False',
  }
  return { conditions: replaceCondition(conditions, resumed), startTime: now }
}

function announce(status: LooseStatus, ending: JobCondition | undefined): LooseStatus {
  if (!ending || conditionOf(status.conditions, ending.type)?.status === 'True') return status
  return { ...status, conditions: withCondition(status.conditions, ending) }
}

/** Unlike `withCondition`, keeps the condition's place in the list. */
function replaceCondition(
  conditions: readonly JobCondition[] | undefined,
  next: JobCondition,
): readonly JobCondition[] {
  if (!conditionOf(conditions, next.type)) return [...(conditions ?? []), next]
  return (conditions ?? []).map((one) => (one.type === next.type ? next : one))
}

/** Without the fields that the API leaves out when they are empty. */
function tidy(status: LooseStatus): JobStatus {
  const { active = 0, succeeded = 0, failed = 0, completedIndexes = '', ...rest } = status
  const { conditions = [], ...others } = rest
  const known = Object.entries(others).filter(([, value]) => value !== undefined)
  return {
    ...Object.fromEntries(known),
    ...nonZero({ active, succeeded, failed }),
    ...(completedIndexes !== '' && { completedIndexes }),
    ...(conditions.length > 0 && { conditions }),
  }
}
