// SPDX-License-Identifier: Apache-2.0
// Which pods a Job that goes on wants created or removed. Pure. A pass either removes or creates, and
// no more than a burst at a time.
import type { Pod } from '../../../kube/types.gen.ts'
import { isPodTerminating } from '../workload/pod-facts.ts'
import { byDeletionPreference } from '../workload/pod-ranking.ts'
import { indexBackoffLeftMs } from './index-failures.ts'
import { firstMissing, mergeRanges, withIndexes } from './index-ranges.ts'
import {
  completionIndexOf,
  completionsOf,
  isIndexed,
  isSuspended,
  replacesOnlyFailed,
  validIndexOf,
} from './job-facts.ts'
import type { JobView } from './job-view.ts'
import { backoffLeftMs } from './pod-backoff.ts'

/** One pass creates or removes at most so many pods. */
export const burstPods = 500

export interface PodPlan {
  /** Active pods that are not wanted; they do not count as failed. */
  readonly remove: readonly Pod[]
  /** One entry a pod: its index, or undefined when the Job is not Indexed. */
  readonly create: readonly (number | undefined)[]
  /** When failed pods may be replaced; undefined when nothing waits. */
  readonly retryInMs?: number
}

const nothing: PodPlan = { remove: [], create: [] }

export function planPods(view: JobView): PodPlan {
  const { job, active, nowMs } = view
  if (job.metadata.deletionTimestamp !== undefined) return nothing
  if (isSuspended(job)) return { ...nothing, remove: active }
  const wanted = wantedActive(view)
  const surplus = Math.max(0, active.length - wanted)
  const remove = isIndexed(job)
    ? surplusIndexed(view, surplus)
    : firstToDelete(active, { count: surplus, nowMs })
  if (remove.length > 0) return { ...nothing, remove: remove.slice(0, burstPods) }
  const occupied = active.length + (replacesOnlyFailed(job) ? view.terminating : 0)
  const missing = Math.min(wanted - occupied, burstPods)
  return missing > 0 ? planCreation(view, missing) : nothing
}

function wantedActive({ job, active, succeeded }: JobView): number {
  const { completions, parallelism = 1 } = job.spec
  // Without a number of completions the first success ends the Job: what runs may finish.
  if (completions === undefined) return succeeded > 0 ? active.length : parallelism
  return Math.max(0, Math.min(completions - succeeded, parallelism))
}

function planCreation(view: JobView, missing: number): PodPlan {
  const { job, nowMs, failures } = view
  const isLimitedPerIndex = job.spec.backoffLimitPerIndex !== undefined
  const leftMs = isLimitedPerIndex ? 0 : backoffLeftMs(failures, nowMs)
  if (leftMs > 0) return { ...nothing, retryInMs: leftMs }
  if (!isIndexed(job))
    return { ...nothing, create: Array.from({ length: missing }, () => undefined) }
  const indexes = pendingIndexes(view, missing)
  if (!isLimitedPerIndex) return { ...nothing, create: indexes }
  const waits = indexes.map((index) => indexBackoffLeftMs(view.toReplace.get(index), nowMs))
  const create = indexes.filter((_, position) => waits[position] === 0)
  const retryInMs = Math.min(...waits.filter((ms) => ms > 0))
  return { ...nothing, create, ...(retryInMs !== Infinity && { retryInMs }) }
}

function pendingIndexes(view: JobView, count: number): readonly number[] {
  const { job, pods, active, succeededIndexes, failedIndexes = [] } = view
  const running = replacesOnlyFailed(job) ? [...active, ...pods.filter(isPodTerminating)] : active
  const indexes = running.map(completionIndexOf).filter((index) => index !== undefined)
  const taken = mergeRanges(withIndexes(succeededIndexes, new Set(indexes)), failedIndexes)
  return firstMissing(taken, { count, completions: completionsOf(job) })
}

// Pods without an index of the Job, all but the best of each index, and as many more as are too many.
function surplusIndexed({ job, active, nowMs }: JobView, surplus: number): readonly Pod[] {
  const remove: Pod[] = []
  const byIndex = new Map<number, Pod[]>()
  for (const pod of active) {
    const index = validIndexOf(job, pod)
    const others = index === undefined ? remove : byIndex.get(index)
    if (others) others.push(pod)
    else if (index !== undefined) byIndex.set(index, [pod])
  }
  const left: Pod[] = []
  for (const pods of byIndex.values()) {
    const ranked = pods.length === 1 ? pods : byDeletionPreference(pods, { nowMs })
    remove.push(...ranked.slice(0, -1))
    left.push(...ranked.slice(-1))
  }
  return [...remove, ...firstToDelete(left, { count: surplus - remove.length, nowMs })]
}

function firstToDelete(
  pods: readonly Pod[],
  { count, nowMs }: { readonly count: number; readonly nowMs: number },
): readonly Pod[] {
  return count <= 0 ? [] : byDeletionPreference(pods, { nowMs }).slice(0, count)
}
