// SPDX-License-Identifier: Apache-2.0
// What is being stopped when a life of ours ends is stopped anew in the next one, and as with the kubelet it has
// its whole grace for that: hooks and signals for which nobody was there are not left out.
import type { Pod } from '../../kube/types.gen.ts'
import type { ContainerRecord, Doom } from './container-record.ts'
import { doomGraceMs, gracePeriodMs } from './plan-container.ts'
import type { Ending } from './pod-state.ts'

/** The times of a pod's record that are renewed. */
export interface StopTimes {
  readonly pod?: Pod
  readonly ending?: Ending
  readonly endedAtMs?: number
  readonly containers: Readonly<Record<string, ContainerRecord>>
}

/**
 * The record as a life of ours that begins at `nowMs` goes on with it. Where somebody waits for the pod's end, the
 * time is theirs: it bounds that of containers that were condemned before as well.
 */
export function withGraceAnew<T extends StopTimes>(record: T, nowMs: number): T {
  const { pod, ending, endedAtMs, containers } = record
  if (endedAtMs !== undefined) return record
  const isOwn = ending?.cause === 'finished' || ending?.cause === 'failed'
  const renewed = Object.entries(containers).flatMap(([name, container]) =>
    isCondemned(container) ? [[name, condemnedAnew(container, { pod, nowMs })] as const] : [],
  )
  // What does not change is not written again.
  if (!isOwn && renewed.length === 0) return record
  return {
    ...record,
    ...(isOwn && { ending: { ...ending, deadlineMs: nowMs + gracePeriodMs(pod) } }),
    containers: { ...containers, ...Object.fromEntries(renewed) },
  }
}

type Condemned = ContainerRecord & { readonly doom: Doom }

function isCondemned(container: ContainerRecord): container is Condemned {
  return container.stage === 'started' && container.doom !== undefined
}

function condemnedAnew(
  { doom, ...container }: Condemned,
  { pod, nowMs }: { readonly pod: Pod | undefined; readonly nowMs: number },
): ContainerRecord {
  const graceMs = doomGraceMs(doom.cause, { pod, failed: container.health?.failed })
  return { ...container, doom: { ...doom, deadlineMs: nowMs + graceMs } }
}
