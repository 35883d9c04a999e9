// SPDX-License-Identifier: Apache-2.0
// What is known of one container of a pod over all its runs. The record on disk may lag behind what
// the runtime lists and the other way round; `foldContainer` makes one truth of both, so that a
// restart of ours leads to the decisions that we would have made without it.
import type { ResourceRequirements } from '../../kube/types.gen.ts'
import type { RuntimeContainer } from '../container-runtime.ts'
import type { CrashBackoff } from './crash-backoff.ts'

/** How one run ended. */
export interface Termination {
  readonly attempt: number
  readonly exitCode: number
  readonly signal?: number
  readonly reason: string
  readonly message?: string
  /** Absent when it never ran, or nobody knows. */
  readonly startedAtMs?: number
  readonly finishedAtMs: number
  readonly containerId: string
  readonly image: string
  readonly imageId: string
}

export interface ContainerRecord {
  /** The newest run; 0 is the first. */
  readonly attempt: number
  /**
   * `begun`: it was decided to start the run; the runtime may not have heard of it.
   * `started`: the runtime said that it runs. `ended`: `termination` says how.
   */
  readonly stage: 'begun' | 'started' | 'ended'
  /** The image of the pod's spec that the run was begun with; empty when nobody knows any more. */
  readonly image: string
  readonly termination?: Termination
  /** CPU and memory that the run has; left out when nobody knows any more. */
  readonly resources?: ResourceRequirements
  /** The runtime has given no message, and the container's own was not looked for yet. */
  readonly isMessagePending?: true
  /** Of the run before this one. */
  readonly lastTermination?: Termination
  readonly backoff?: CrashBackoff
  /** This run is stopped while its pod goes on, or was. */
  readonly doom?: Doom
  /**
   * `all`: a rule has all containers started anew, and this run counts for nothing any more. `sandbox`:
   * the pod's sandbox is another one, and init containers run again before anything else does.
   */
  readonly reset?: 'all' | 'sandbox'
  /** What became of the hook after the start. */
  readonly postStart?: 'done' | 'failed'
  /** The hook before the stop has been run. */
  readonly isPreStopDone?: boolean
  /** The verdicts of probes on this run; what is left out was not decided yet. */
  readonly health?: Verdicts
}

/** What probes have found out about one run. */
export interface Verdicts {
  readonly started?: boolean
  readonly ready?: boolean
  /** The run is to be ended. */
  readonly failed?: ProbeFailure
}

export interface ProbeFailure {
  readonly probe: 'liveness' | 'startup'
  /** The probe's own grace, where it has one. */
  readonly graceSeconds?: number | undefined
}

/** Why one run is stopped while its pod goes on. */
export interface Doom {
  readonly cause: 'changed' | 'liveness' | 'startup' | 'postStart' | 'resize' | 'reset' | 'sandbox'
  /** For the event. */
  readonly message: string
  readonly deadlineMs: number
}

export interface FoldInput {
  readonly record: ContainerRecord | undefined
  /** All runs of this container that the runtime knows. */
  readonly runs: readonly RuntimeContainer[]
  /** `runs` comes from a full list: a run that is not in it does not exist any more. */
  readonly isComplete: boolean
  readonly nowMs: number
}

const lostExitCode = 137
const lostReason = 'ContainerStatusUnknown'
const lostMessage = 'The container could not be located when the pod was terminated'

/** Brings a record up to date with the runtime. Without any run it stays undefined. */
export function foldContainer(input: FoldInput): ContainerRecord | undefined {
  const { record, runs } = input
  const newest = runs.reduce<RuntimeContainer | undefined>(
    (best, run) => (best && best.key.attempt > run.key.attempt ? best : run),
    undefined,
  )
  if (newest && newest.key.attempt >= (record?.attempt ?? 0)) return foldRun(input, newest)
  if (record?.stage === 'started' && input.isComplete) {
    return { ...record, stage: 'ended', termination: lostTermination(record, input.nowMs) }
  }
  return record
}

/** The end of a run that could not be started: it counts as one that ended at once. */
export function startErrorTermination(
  run: { readonly attempt: number; readonly image: string },
  { message, nowMs }: { readonly message: string; readonly nowMs: number },
): Termination {
  return {
    attempt: run.attempt,
    exitCode: 128,
    reason: 'StartError',
    message,
    startedAtMs: nowMs,
    finishedAtMs: nowMs,
    containerId: '',
    image: run.image,
    imageId: '',
  }
}

/** Reason of containers that are started anew with all others of their pod. */
export const resetReason = 'RestartingAllContainers'
const resetMessage = 'The container is removed because RestartAllContainers in place'

/** How a run that was reset with all others is shown. */
export function resetTermination(end: Termination): Termination {
  const { signal: _, ...kept } = end
  return { ...kept, exitCode: lostExitCode, reason: resetReason, message: resetMessage }
}

/** Why such a container waits for its next run. */
export const resetWaiting: { readonly reason: string; readonly message: string } = {
  reason: resetReason,
  message: resetMessage,
}

/** The end of a run of which nothing is known but that it is over. */
export function lostTermination(
  run: { readonly attempt: number; readonly image: string },
  nowMs: number,
): Termination {
  return {
    attempt: run.attempt,
    exitCode: lostExitCode,
    reason: lostReason,
    message: lostMessage,
    finishedAtMs: nowMs,
    containerId: '',
    image: run.image,
    imageId: '',
  }
}

function foldRun({ record, runs, nowMs }: FoldInput, run: RuntimeContainer): ContainerRecord {
  const { attempt } = run.key
  const isSame = record?.attempt === attempt
  // An end that was recorded stays as it is: times and reasons never change afterwards.
  if (isSame && record.stage === 'ended') return record
  const before = runs.find(({ key }) => key.attempt === attempt - 1)
  const lastTermination = isSame
    ? record.lastTermination
    : (record?.termination ?? (before && terminationOf(before, nowMs)))
  const termination = terminationOf(run, nowMs)
  const backoff = record?.backoff
  const isMessagePending = run.state.kind === 'exited' && run.state.message === undefined
  if (isSame) {
    const { termination: _, ...kept } = record
    if (!termination) return { ...kept, stage: 'started' }
    return { ...kept, stage: 'ended', termination, ...(isMessagePending && { isMessagePending }) }
  }
  return {
    attempt,
    stage: termination ? 'ended' : 'started',
    image: '',
    ...(termination && { termination }),
    ...(isMessagePending && { isMessagePending }),
    ...(lastTermination && { lastTermination }),
    ...(backoff && { backoff }),
  }
}

function terminationOf(run: RuntimeContainer, nowMs: number): Termination | undefined {
  const { state, key, containerId, image, imageId } = run
  if (state.kind === 'running') return undefined
  const identity = { attempt: key.attempt, containerId, image, imageId }
  if (state.kind === 'lost') {
    const startedAt = state.startedAtMs === undefined ? {} : { startedAtMs: state.startedAtMs }
    return { ...lostTermination(identity, nowMs), ...identity, ...startedAt }
  }
  return {
    ...identity,
    exitCode: state.exitCode,
    ...(state.signal !== undefined && { signal: state.signal }),
    reason: state.isOutOfMemory ? 'OOMKilled' : state.exitCode === 0 ? 'Completed' : 'Error',
    ...(state.message !== undefined && { message: state.message }),
    startedAtMs: state.startedAtMs,
    finishedAtMs: state.finishedAtMs,
  }
}
