// SPDX-License-Identifier: Apache-2.0
// What is known of a pod's in-place resizes: what the node has granted, what waits, and what is under way.
import type { Pod } from '../kube/types.gen.ts'
import type { ObservedPod } from '../provider/provider.ts'
import { withAllocation, type Allocation } from '../runtime/resources/allocation.ts'

/** A resize that the node has not granted. */
export interface PendingResize {
  readonly reason: 'Deferred' | 'Infeasible'
  readonly message: string
  /** Of the spec that asks for it. */
  readonly generation: number
  readonly sinceMs: number
}

/** A resize that was granted, until the containers have it. */
export interface ResizeUnderWay {
  readonly generation: number
  readonly error?: string
}

/** What is known of a pod's resizes. */
export interface ResizeState {
  /** Undefined until the backend was handed the pod. */
  readonly granted?: Allocation | undefined
  readonly pending?: PendingResize | undefined
  readonly underWay?: ResizeUnderWay | undefined
}

/** The pod with what it was granted: by this process, or as the backend has kept it. */
export function grantedPod(
  {
    resize,
    observed,
  }: { readonly resize: ResizeState; readonly observed: ObservedPod | undefined },
  pod: Pod,
): Pod {
  return withAllocation(pod, resize.granted ?? observed?.allocation)
}
