// SPDX-License-Identifier: Apache-2.0
// What to do next about one pod, as a pure function of what is known of it. The worker takes the step,
// notes its outcome and asks again until the answer is to wait; so no order of events, lost reply or
// restart can lead where this function does not. Invariants it keeps: nothing is created for a pod
// that is deleted, ended, or of another node; of two pods of one name the second waits until nothing
// of the first is left; the API loses a pod only after its terminal phase was there to be read.
import type { Pod } from '../kube/types.gen.ts'
import { parseWireTime } from '../util/wire-time.ts'
import type { KnownPod } from './known-pod.ts'
import { isLostForGood } from './lost-containers.ts'
import { needsUpdate } from './pod-changes.ts'
import type { ShutdownOrder } from './shutdown-plan.ts'

/** What a decision needs beyond the pod itself. */
export interface PodWorld {
  readonly nodeName: string
  readonly nowMs: number
  /** Another pod of this name may still have something running. */
  readonly hasPredecessor: boolean
  /** The node shuts down and ends its pods. */
  readonly isDraining: boolean
  /** What the shutdown asks of this pod; left out: to end with its own grace. */
  readonly shutdown?: ShutdownOrder | undefined
  /** See PodProvider.adoptsByStatus: a pod that the backend does not name is not lost. */
  readonly adoptsByStatus?: boolean | undefined
}

/** The next step. `wait` also means: publish the status that follows from what is known. */
export type PodStep =
  | { readonly do: 'wait'; readonly untilMs?: number }
  /** Not ours to touch. */
  | { readonly do: 'ignore' }
  /** Read the API afresh: is the object really gone? */
  | { readonly do: 'confirmGone' }
  /** Admission and features. */
  | { readonly do: 'judge' }
  | { readonly do: 'create' }
  | { readonly do: 'update' }
  /** Its containers are lost and may not run again. */
  | { readonly do: 'giveUp' }
  | {
      readonly do: 'end'
      readonly deadlineMs: number
      readonly gracePeriodSeconds: number
      /** By the node itself, which shuts down. */
      readonly isShutdown?: true
    }
  | { readonly do: 'cleanUp' }
  | { readonly do: 'deleteFromApi' }
  | { readonly do: 'forget' }

/** What a pod that vanished from the API is given to end itself, as a kubelet does. */
const forcedGraceMs = 2000
/** An ending that is overdue by so much is asked for again: the backend may have lost it. */
const endAgainAfterMs = 60_000
/** A delete that the API accepted, but that shows no effect, is sent again after this. */
const deleteAgainAfterMs = 30_000
/** A deadline counts as shortened when it moves by more than clocks and rounding do. */
const deadlineSlackMs = 1000

/** The next step for `pod`. */
export function decidePod(pod: KnownPod, world: PodWorld): PodStep {
  const { api } = pod
  if (!api) return decideGone(pod, world)
  if (api.spec.nodeName !== world.nodeName) return { do: 'ignore' }
  if (isDeleting(api)) return decideDeleting(pod, api, world)
  if (isTerminal(api)) return mayRun(pod) ? endByItsGrace(pod, api, world) : wait()
  return decideLive(pod, api, world)
}

/** May anything of the pod still run in the backend, as far as we know? */
export function mayRun(pod: KnownPod): boolean {
  return pod.mayExist && pod.observed?.hasEnded !== true
}

/** The API says that the pod has Succeeded or Failed: final. */
export function isTerminal(pod: Pod): boolean {
  const phase = pod.status?.phase
  return phase === 'Succeeded' || phase === 'Failed'
}

export function isDeleting(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined
}

/**
 * When the pod's grace is over. Counted by our own clock where we saw the deletion come, so that a clock
 * that differs from the API server's takes no grace away; after a restart from the deletionTimestamp.
 */
export function deletionDeadlineMs(api: Pod, deletionSeenMs: number | undefined): number {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = api.metadata
  if (deletionSeenMs !== undefined) return deletionSeenMs + deletionGracePeriodSeconds * 1000
  return parseWireTime(deletionTimestamp) ?? 0
}

function decideGone(pod: KnownPod, world: PodWorld): PodStep {
  if (!pod.mayExist) return { do: 'forget' }
  if (!mayRun(pod)) return unlessHeld(pod, { do: 'cleanUp' }, world)
  if (!pod.isGoneConfirmed) return unlessHeld(pod, { do: 'confirmGone' }, world)
  return endOrWait(pod, world.nowMs + forcedGraceMs, world)
}

function decideDeleting(pod: KnownPod, api: Pod, world: PodWorld): PodStep {
  if (mayRun(pod)) return endOrWait(pod, deletionDeadlineMs(api, pod.deletionSeenMs), world)
  if (!isTerminal(api)) return wait()
  if (pod.mayExist) return unlessHeld(pod, { do: 'cleanUp' }, world)
  // With grace 0 the API has been told already, and only a finalizer keeps the object.
  if (api.metadata.deletionGracePeriodSeconds === 0) return wait()
  const againMs = (pod.apiDeletedAtMs ?? -Infinity) + deleteAgainAfterMs
  if (world.nowMs < againMs) return wait(againMs)
  return unlessHeld(pod, { do: 'deleteFromApi' }, world)
}

function decideLive(pod: KnownPod, api: Pod, world: PodWorld): PodStep {
  if (!pod.verdict) return unlessHeld(pod, { do: 'judge' }, world)
  if (pod.verdict.kind !== 'admitted') return wait()
  if (pod.observed?.hasEnded || pod.isLost) return wait()
  if (world.isDraining) return shutDown(pod, api, world)
  if (pod.accepted) {
    const isDue = pod.isNudged || needsUpdate(pod.accepted, api)
    return isDue ? unlessHeld(pod, { do: 'update' }, world) : wait()
  }
  if (!pod.observed) {
    if (world.hasPredecessor) return wait()
    const isKept = pod.mayExist || world.adoptsByStatus
    if (!isKept && isLostForGood(api)) return { do: 'giveUp' }
  }
  return unlessHeld(pod, { do: 'create' }, world)
}

function shutDown(pod: KnownPod, api: Pod, world: PodWorld): PodStep {
  const { shutdown, nowMs } = world
  if (!mayRun(pod) || shutdown === 'later') return wait()
  const step = shutdown
    ? endOrWait(pod, nowMs + shutdown.graceSeconds * 1000, world)
    : endByItsGrace(pod, api, world)
  return step.do === 'end' ? { ...step, isShutdown: true } : step
}

function endByItsGrace(pod: KnownPod, api: Pod, world: PodWorld): PodStep {
  const graceMs = (api.spec.terminationGracePeriodSeconds ?? 30) * 1000
  return endOrWait(pod, world.nowMs + graceMs, world)
}

// A grace is only ever shortened. An ending that should be over is asked for again, for ever.
function endOrWait(pod: KnownPod, deadlineMs: number, world: PodWorld): PodStep {
  const { ending } = pod
  const untilMs = Math.min(deadlineMs, ending?.deadlineMs ?? Infinity)
  if (ending && ending.deadlineMs <= deadlineMs + deadlineSlackMs) {
    const againMs = Math.max(ending.deadlineMs, ending.calledAtMs) + endAgainAfterMs
    if (world.nowMs < againMs) return wait(againMs)
  }
  const leftSeconds = Math.max(1, Math.ceil((untilMs - world.nowMs) / 1000))
  const step: PodStep = { do: 'end', deadlineMs: untilMs, gracePeriodSeconds: leftSeconds }
  return unlessHeld(pod, step, world)
}

function unlessHeld(pod: KnownPod, step: PodStep, world: PodWorld): PodStep {
  return world.nowMs < pod.retryAtMs ? wait(pod.retryAtMs) : step
}

function wait(untilMs?: number): PodStep {
  return untilMs === undefined ? { do: 'wait' } : { do: 'wait', untilMs }
}
