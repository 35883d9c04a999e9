// SPDX-License-Identifier: Apache-2.0
// A Job and its pods at one moment, with everything that the decisions count. Pure, and linear in the
// number of pods.
import type { Job, Pod } from '../../../kube/types.gen.ts'
import { isPodActive, isPodReady, isPodTerminating } from '../workload/pod-facts.ts'
import { countIndexes, parseIndexRanges, withIndexes } from './index-ranges.ts'
import type { IndexRanges } from './index-ranges.ts'
import { failedIndexes, podsToReplace } from './index-failures.ts'
import {
  completionsOf,
  hasFailed,
  hasSucceeded,
  isIndexed,
  isTracked,
  validIndexOf,
} from './job-facts.ts'
import { recordEnds } from './pod-backoff.ts'
import type { FailureRecord } from './pod-backoff.ts'
import { judgeFailedPod } from './pod-failure-policy.ts'

export interface JobSnapshot {
  readonly job: Job
  /** All pods that the Job controls. */
  readonly pods: readonly Pod[]
  /** Failures until the last pass. */
  readonly failures: FailureRecord
  readonly nowMs: number
}

export interface JobView {
  readonly job: Job
  readonly pods: readonly Pod[]
  readonly nowMs: number
  readonly active: readonly Pod[]
  readonly ready: number
  /** Pods that are being deleted and have not ended. */
  readonly terminating: number
  /** Pods that succeeded, or indexes of an Indexed Job, counted or not. */
  readonly succeeded: number
  /** Pods that failed, counted or not; ignored failures are left out. */
  readonly failed: number
  /** Failures with those that this pass sees for the first time. */
  readonly failures: FailureRecord
  /** Empty unless the Job is Indexed. */
  readonly succeededIndexes: IndexRanges
  /** Undefined unless failures are limited per index. */
  readonly failedIndexes: IndexRanges | undefined
  /** Failed pods that have to stay until they are replaced, by index. */
  readonly toReplace: ReadonlyMap<number, Pod>
}

export function viewJob({ job, pods, failures, nowMs }: JobSnapshot): JobView {
  const active = pods.filter(isPodActive)
  const { uncountedTerminatedPods: uncounted = {} } = job.status ?? {}
  const uncountedSucceeded = new Set(uncounted.succeeded)
  const uncountedFailed = new Set(uncounted.failed)
  const countable = pods.filter(
    (pod) => isTracked(pod) && (!isIndexed(job) || validIndexOf(job, pod) !== undefined),
  )
  const succeededPods = countable.filter(
    (pod) => hasSucceeded(pod) && !uncountedSucceeded.has(pod.metadata.uid),
  )
  const failedPods = countable.filter(
    (pod) => hasFailed(job, pod) && !uncountedFailed.has(pod.metadata.uid),
  )
  const indexes = viewIndexes({ job, pods, active })
  const newlyFailed = failedPods.filter((pod) => judgeFailedPod(job, pod).isCounted).length
  return {
    job,
    pods,
    nowMs,
    active,
    ready: active.filter(isPodReady).length,
    terminating: pods.filter(isPodTerminating).length,
    succeeded: isIndexed(job)
      ? countIndexes(indexes.succeededIndexes)
      : (job.status?.succeeded ?? 0) + uncountedSucceeded.size + succeededPods.length,
    failed: (job.status?.failed ?? 0) + uncountedFailed.size + newlyFailed,
    failures: recordEnds(failures, { succeeded: succeededPods, failed: failedPods }),
    ...indexes,
  }
}

type IndexView = Pick<JobView, 'succeededIndexes' | 'failedIndexes' | 'toReplace'>

function viewIndexes(parts: {
  readonly job: Job
  readonly pods: readonly Pod[]
  readonly active: readonly Pod[]
}): IndexView {
  const { job, pods, active } = parts
  const noIndexes: IndexView = {
    succeededIndexes: [],
    failedIndexes: undefined,
    toReplace: new Map(),
  }
  if (!isIndexed(job)) return noIndexes
  const completions = completionsOf(job)
  const newlySucceeded = new Set<number>()
  for (const pod of pods) {
    const index = hasSucceeded(pod) && isTracked(pod) ? validIndexOf(job, pod) : undefined
    if (index !== undefined) newlySucceeded.add(index)
  }
  const before = parseIndexRanges(job.status?.completedIndexes, completions)
  const succeededIndexes = withIndexes(before, newlySucceeded)
  if (job.spec.backoffLimitPerIndex === undefined) return { ...noIndexes, succeededIndexes }
  const previous = parseIndexRanges(job.status?.failedIndexes, completions)
  const failed = failedIndexes(job, { pods, previous })
  const toReplace = podsToReplace(job, { pods, active, ended: [succeededIndexes, failed] })
  return { succeededIndexes, failedIndexes: failed, toReplace }
}
