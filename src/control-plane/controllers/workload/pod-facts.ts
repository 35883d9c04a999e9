// SPDX-License-Identifier: Apache-2.0
// What controllers want to know of a pod, in the terms of Kubernetes: active, terminating, ready,
// available.
import type { Pod, PodCondition } from '../../../kube/types.gen.ts'
import { parseWireTime } from '../../../util/wire-time.ts'

/** Has ended and cannot come back: Succeeded or Failed. */
export function isPodTerminal({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed'
}

/** Neither ended nor being deleted. */
export function isPodActive(pod: Pod): boolean {
  return !isPodTerminal(pod) && pod.metadata.deletionTimestamp === undefined
}

/** Being deleted, but not ended yet. */
export function isPodTerminating(pod: Pod): boolean {
  return !isPodTerminal(pod) && pod.metadata.deletionTimestamp !== undefined
}

export function podCondition(pod: Pod, type: string): PodCondition | undefined {
  return pod.status?.conditions?.find((condition) => condition.type === type)
}

export function isPodReady(pod: Pod): boolean {
  return podCondition(pod, 'Ready')?.status === 'True'
}

/** When the pod became ready; undefined when it is not, or when that is not known. */
export function readySinceMs(pod: Pod): number | undefined {
  const ready = podCondition(pod, 'Ready')
  return ready?.status === 'True' ? parseWireTime(ready.lastTransitionTime) : undefined
}

/** Ready for `minReadySeconds` already. */
export function isPodAvailable(
  pod: Pod,
  { minReadySeconds, nowMs }: { readonly minReadySeconds: number; readonly nowMs: number },
): boolean {
  if (!isPodReady(pod)) return false
  if (minReadySeconds === 0) return true
  const sinceMs = readySinceMs(pod)
  return sinceMs !== undefined && sinceMs + minReadySeconds * 1000 <= nowMs
}

/** Milliseconds until the first of the ready pods becomes available; undefined when none will. */
export function nextAvailableInMs(
  pods: readonly Pod[],
  { minReadySeconds, nowMs }: { readonly minReadySeconds: number; readonly nowMs: number },
): number | undefined {
  if (minReadySeconds === 0) return undefined
  let nextMs = Infinity
  for (const pod of pods) {
    const sinceMs = readySinceMs(pod)
    if (sinceMs === undefined) continue
    const inMs = sinceMs + minReadySeconds * 1000 - nowMs
    if (inMs > 0) nextMs = Math.min(nextMs, inMs)
  }
  return nextMs === Infinity ? undefined : nextMs
}

/** Names of init containers that run as long as the pod. */
export function sidecarNames({ spec }: Pod): ReadonlySet<string> {
  const sidecars = spec.initContainers?.filter(({ restartPolicy }) => restartPolicy === 'Always')
  return new Set(sidecars?.map(({ name }) => name))
}
