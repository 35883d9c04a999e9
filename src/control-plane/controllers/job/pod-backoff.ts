// SPDX-License-Identifier: Apache-2.0
// How long a Job waits before it replaces failed pods: 10 s after the first failure since the last
// success, doubling up to 10 min.
import type { ContainerStatus, Pod } from '../../../kube/types.gen.ts'
import { backoffMs } from '../../../util/backoff.ts'
import { parseWireTime } from '../../../util/wire-time.ts'
import { podCondition, sidecarNames } from '../workload/pod-facts.ts'

/** What is remembered of a Job's failures. */
export interface FailureRecord {
  /** Failures since the last success. */
  readonly failures: number
  readonly lastFailureMs: number | undefined
}

export const noFailures: FailureRecord = { failures: 0, lastFailureMs: undefined }

const backoff = { baseMs: 10_000, factor: 2, capMs: 600_000, jitter: 0 }

/** The record after more pods have ended, in whatever order they are told. */
export function recordEnds(
  old: FailureRecord,
  { succeeded, failed }: { readonly succeeded: readonly Pod[]; readonly failed: readonly Pod[] },
): FailureRecord {
  if (succeeded.length === 0 && failed.length === 0) return old
  const successMs = latestMs(succeeded)
  const since = successMs === undefined ? failed : failed.filter((pod) => endMs(pod) > successMs)
  if (since.length === 0) return noFailures
  return {
    failures: since.length + (successMs === undefined ? old.failures : 0),
    lastFailureMs: latestMs(since),
  }
}

/** Milliseconds until pods may be replaced; 0 when they may be now. */
export function backoffLeftMs({ failures, lastFailureMs }: FailureRecord, nowMs: number): number {
  if (failures === 0 || lastFailureMs === undefined) return 0
  return Math.max(0, lastFailureMs + backoffMs(failures, backoff) - nowMs)
}

/** When a pod ended, as well as it can be known. */
export function endMs(pod: Pod): number {
  return (
    containersEndMs(pod) ??
    notReadySinceMs(pod) ??
    deletedMs(pod) ??
    parseWireTime(pod.metadata.creationTimestamp) ??
    0
  )
}

function latestMs(pods: readonly Pod[]): number | undefined {
  if (pods.length === 0) return undefined
  return pods.reduce((latest, pod) => Math.max(latest, endMs(pod)), -Infinity)
}

function containersEndMs(pod: Pod): number | undefined {
  const sidecars = sidecarNames(pod)
  const statuses: readonly ContainerStatus[] = [
    ...(pod.status?.containerStatuses ?? []),
    ...(pod.status?.initContainerStatuses?.filter(({ name }) => sidecars.has(name)) ?? []),
  ]
  let latest: number | undefined
  for (const { state } of statuses) {
    const ms = parseWireTime(state?.terminated?.finishedAt)
    if (ms === undefined) return undefined
    latest = Math.max(latest ?? ms, ms)
  }
  return latest
}

function notReadySinceMs(pod: Pod): number | undefined {
  const ready = podCondition(pod, 'Ready')
  return ready?.status === 'False' ? parseWireTime(ready.lastTransitionTime) : undefined
}

function deletedMs({ metadata }: Pod): number | undefined {
  const ms = parseWireTime(metadata.deletionTimestamp)
  return ms === undefined ? undefined : ms - (metadata.deletionGracePeriodSeconds ?? 0) * 1000
}
