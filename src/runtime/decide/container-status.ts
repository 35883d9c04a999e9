// SPDX-License-Identifier: Apache-2.0
// The wire status of one container from what is known of its runs.
import type { Container, ContainerState, ContainerStatus } from '../../kube/types.gen.ts'
import type { RuntimeContainer } from '../container-runtime.ts'
import type { ContainerRecord, Termination } from './container-record.ts'
import { lostTermination, resetTermination, resetWaiting } from './container-record.ts'
import type { ContainerRole } from './pod-containers.ts'
import type { ContainerHealth, Wait } from './pod-state.ts'
import { wireTime } from '../../util/wire-time.ts'

export interface StatusInput {
  readonly record: ContainerRecord | undefined
  /** Default: `regular`. */
  readonly role?: ContainerRole | undefined
  /** What its probes say; without any it is started and ready as long as it runs. */
  readonly health?: ContainerHealth | undefined
  /** The run of `record.attempt` as the runtime has it. */
  readonly run?: RuntimeContainer | undefined
  /** Why it does not run, when it is to run (again). */
  readonly wait?: Wait | undefined
  /** ContainerCreating, or PodInitializing in a pod with init containers. */
  readonly initialReason: string
  /** The pod is being ended: what stopped stays stopped. */
  readonly isEnding: boolean
  /** Runs from before all containers were started anew are still being stopped. */
  readonly isClearing?: boolean | undefined
  /** The pod has ended: a run that was begun and that nobody can find gets an end. */
  readonly endedAtMs?: number | undefined
}

/** status.containerStatuses[…] for one container. */
export function containerStatus(spec: Container, input: StatusInput): ContainerStatus {
  const { record, run } = input
  const state = stateOf(spec, input)
  const { current, last } = state
  const isRunning = current.running !== undefined
  const source = run ?? state.source
  const user = isRunning ? run?.user : undefined
  return {
    name: spec.name,
    state: current,
    lastState: last ? { terminated: wireTermination(last) } : {},
    ...readinessOf(current, input),
    restartCount: restartCountOf(record),
    image: source?.image || (spec.image ?? ''),
    imageID: source?.imageId ?? '',
    ...(source?.containerId && { containerID: source.containerId }),
    ...(user && { user: { linux: { ...user, supplementalGroups: [...user.supplementalGroups] } } }),
  }
}

function readinessOf(
  { running, terminated }: ContainerState,
  { role = 'regular', health }: StatusInput,
): Pick<ContainerStatus, 'ready' | 'started'> {
  if (role === 'ephemeral') return { ready: false }
  const started = running !== undefined && (health?.started ?? true)
  if (role === 'init') return { ready: terminated?.exitCode === 0, started }
  return { ready: started && (health?.ready ?? true), started }
}

/** A run counts once the runtime has taken it on. */
export function restartCountOf(record: ContainerRecord | undefined): number {
  if (!record) return 0
  return record.stage === 'begun' ? Math.max(record.attempt - 1, 0) : record.attempt
}

interface States {
  readonly current: ContainerState
  readonly last?: Termination | undefined
  readonly source?: Termination | undefined
}

function stateOf(spec: Container, input: StatusInput): States {
  const { record, run, wait, isEnding } = input
  if (record?.stage === 'started') {
    const startedAtMs = run?.state.startedAtMs
    const startedAt = startedAtMs === undefined ? {} : { startedAt: wireTime(startedAtMs) }
    return { current: { running: startedAt }, last: record.lastTermination }
  }
  const { ended, before } = endsOf(record)
  const isAwaited = wait !== undefined || record?.stage === 'begun' || isReset(input)
  if (ended && (isEnding || !isAwaited)) {
    return { current: { terminated: wireTermination(ended) }, last: before, source: ended }
  }
  if (record && input.endedAtMs !== undefined) {
    const lost = lostTermination({ attempt: 0, image: spec.image ?? '' }, input.endedAtMs)
    return { current: { terminated: wireTermination(lost) } }
  }
  const waiting = {
    reason: wait?.reason ?? input.initialReason,
    ...(wait?.message !== undefined && { message: wait.message }),
  }
  if (ended && record?.reset === 'all') {
    const current = { waiting: input.isClearing ? resetWaiting : waiting }
    return { current, last: resetTermination(ended), source: ended }
  }
  return { current: { waiting }, last: ended, source: ended }
}

/** The run before is void; the next one waits for its turn. */
function isReset({ record, role = 'regular' }: StatusInput): boolean {
  return record?.reset === 'all' || (record?.reset === 'sandbox' && role !== 'regular')
}

function endsOf(record: ContainerRecord | undefined): {
  readonly ended: Termination | undefined
  readonly before: Termination | undefined
} {
  if (record?.stage === 'begun') return { ended: record.lastTermination, before: undefined }
  return { ended: record?.termination, before: record?.lastTermination }
}

function wireTermination(end: Termination): NonNullable<ContainerState['terminated']> {
  return {
    exitCode: end.exitCode,
    ...(end.signal !== undefined && { signal: end.signal }),
    reason: end.reason,
    ...(end.message !== undefined && { message: end.message }),
    ...(end.startedAtMs !== undefined && { startedAt: wireTime(end.startedAtMs) }),
    finishedAt: wireTime(end.finishedAtMs),
    ...(end.containerId !== '' && { containerID: end.containerId }),
  }
}
