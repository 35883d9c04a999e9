// SPDX-License-Identifier: Apache-2.0
// Failures counted per index (backoffLimitPerIndex). The count travels in annotations from each failed
// pod to the one that replaces it; a failed pod is therefore kept until its replacement is there.
import type { Job, Pod } from '../../../kube/types.gen.ts'
import { hasIndex, withIndexes } from './index-ranges.ts'
import type { IndexRanges } from './index-ranges.ts'
import { completionIndexOf, hasFailed, isTracked, validIndexOf } from './job-facts.ts'
import { backoffLeftMs, endMs } from './pod-backoff.ts'
import { judgeFailedPod } from './pod-failure-policy.ts'

const failuresKey = 'batch.kubernetes.io/job-index-failure-count'
const ignoredKey = 'batch.kubernetes.io/job-index-ignored-failure-count'

/** `previous` and the indexes whose pods have now failed for good. */
export function failedIndexes(
  job: Job,
  { pods, previous }: { readonly pods: readonly Pod[]; readonly previous: IndexRanges },
): IndexRanges {
  const failed = new Set<number>()
  for (const pod of pods) {
    const index = validIndexOf(job, pod)
    if (index !== undefined && isTracked(pod) && isIndexFailed(job, pod)) failed.add(index)
  }
  return withIndexes(previous, failed)
}

/** Of each index that is to be tried again, the failed pod that carries the count. */
export function podsToReplace(
  job: Job,
  parts: {
    readonly pods: readonly Pod[]
    readonly active: readonly Pod[]
    readonly ended: readonly IndexRanges[]
  },
): ReadonlyMap<number, Pod> {
  const activeIndexes = new Set(parts.active.map(completionIndexOf))
  const latest = new Map<number, Pod>()
  for (const pod of parts.pods) {
    const index = validIndexOf(job, pod)
    if (index === undefined || !isTracked(pod) || !hasFailed(job, pod)) continue
    if (activeIndexes.has(index) || parts.ended.some((ranges) => hasIndex(ranges, index))) continue
    const other = latest.get(index)
    if (!other || isNewer(pod, other)) latest.set(index, pod)
  }
  return latest
}

/** Milliseconds until the pod may be replaced. */
export function indexBackoffLeftMs(failed: Pod | undefined, nowMs: number): number {
  if (!failed) return 0
  const record = { failures: countOf(failed) + 1, lastFailureMs: endMs(failed) }
  return backoffLeftMs(record, nowMs)
}

/** The annotations of the pod that replaces `failed`, or of the first of its index. */
export function failureAnnotations(
  job: Job,
  failed: Pod | undefined,
): Readonly<Record<string, string>> {
  if (!failed) return { [failuresKey]: '0' }
  const { isCounted } = judgeFailedPod(job, failed)
  const failures = annotationOf(failed, failuresKey) + (isCounted ? 1 : 0)
  const ignored = annotationOf(failed, ignoredKey) + (isCounted ? 0 : 1)
  return { [failuresKey]: `${failures}`, ...(ignored > 0 && { [ignoredKey]: `${ignored}` }) }
}

function isIndexFailed(job: Job, pod: Pod): boolean {
  if (!hasFailed(job, pod)) return false
  const { action, isCounted } = judgeFailedPod(job, pod)
  if (action === 'FailIndex') return true
  return isCounted && annotationOf(pod, failuresKey) >= (job.spec.backoffLimitPerIndex ?? Infinity)
}

function isNewer(pod: Pod, other: Pod): boolean {
  return countOf(other) <= countOf(pod) && endMs(pod) >= endMs(other)
}

function countOf(pod: Pod): number {
  return annotationOf(pod, failuresKey) + annotationOf(pod, ignoredKey)
}

function annotationOf({ metadata }: Pod, key: string): number {
  const count = Number(metadata.annotations?.[key] ?? 0)
  return Number.isInteger(count) && count >= 0 && count < 2 ** 31 ? count : 0
}
