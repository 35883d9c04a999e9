// SPDX-License-Identifier: Apache-2.0
// A pod as those who evict pods meet it; pod-machine.ts is one.
import type { Pod } from '../../kube/types.gen.ts'
import type { PodRef } from '../../provider/provider.ts'
import type { ContainerKey } from '../container-runtime.ts'
import type { Failure } from '../decide/pod-state.ts'

export interface EvictablePod {
  readonly ref: PodRef
  readonly record: {
    /** As last handed over; undefined while nobody has named it. */
    readonly pod?: Pod
    /** It is being ended. */
    readonly ending?: object
  }
  /** Final: nothing of it runs. */
  readonly hasEnded: boolean
  runningKeys(): readonly ContainerKey[]
  evict(failure: Failure, graceMs: number): void
}

/** The pod of one that nobody ends yet. */
export function activePod({ record, hasEnded }: EvictablePod): Pod | undefined {
  return hasEnded || record.ending ? undefined : record.pod
}
