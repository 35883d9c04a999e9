// SPDX-License-Identifier: Apache-2.0
// The wire status of one container from what is known of its runs.
import type { Container, ContainerState, ContainerStatus } from '../../kube/types.gen.ts'
import type { RuntimeContainer } from '../container-runtime.ts'
import type { ContainerRecord, Termination } from './container-record.ts'
import { lostTermination } from './container-record.ts'
import type { Wait } from './next-step.ts'
import { wireTime } from './wire-time.ts'

export interface StatusInput {
  readonly record: ContainerRecord | undefined
  /** The run of `record.attempt` as the runtime has it. */
  readonly run?: RuntimeContainer | undefined
  /** Why it does not run, when it is to run (again). */
  readonly wait?: Wait | undefined
  /** ContainerCreating, or PodInitializing in a pod with init containers. */
  readonly initialReason: string
  /** The pod is being ended: what stopped stays stopped. */
  readonly isEnding: boolean
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
    ready: isRunning,
    started: isRunning,
    restartCount: restartCountOf(record),
    image: source?.image || (spec.image ?? ''),
    imageID: source?.imageId ?? '',
    ...(source?.containerId && { containerID: source.containerId }),
    ...(user && { user: { linux: { ...user, supplementalGroups: [...user.supplementalGroups] } } }),
  }
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
  if (ended && (isEnding || !(wait ?? record?.stage === 'begun'))) {
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
  return { current: { waiting }, last: ended, source: ended }
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
