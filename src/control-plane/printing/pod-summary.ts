// SPDX-License-Identifier: Apache-2.0
// A pod in a few words: how many containers are ready, what state the pod is in, how often and how long
// ago containers were restarted. While init containers run, they alone count; later the others do, and
// those init containers that stay beside them.
import type { Container, ContainerState, ContainerStatus, Pod } from '../../kube/types.gen.ts'
import { ageOf } from './human-duration.ts'

export interface PodSummary {
  /** `1/2`. */
  readonly ready: string
  /** `Running`, `Init:0/1`, `CrashLoopBackOff`. */
  readonly state: string
  /** `3 (5m ago)`. */
  readonly restarts: string
}

/** Ages count up to `nowMs`. */
export function summarizePod(pod: Pod, nowMs: number): PodSummary {
  const { containers, initContainers = [] } = pod.spec
  const staying = new Set(initContainers.filter(isStaying).map(({ name }) => name))
  const initial = summarizeInitContainers(pod, staying)
  const isBeyondInit = initial.state === undefined || conditionStatus(pod, 'Initialized') === 'True'
  const counted = isBeyondInit
    ? [...initial.staying, ...(pod.status?.containerStatuses ?? [])]
    : initial.seen
  const main = isBeyondInit ? summarizeContainers(pod, initial.state ?? baseState(pod)) : undefined
  const ready = initial.ready + (main?.ready ?? 0)
  const state = main?.state ?? initial.state ?? baseState(pod)
  return {
    ready: `${ready}/${containers.length + staying.size}`,
    state: stateOfDeletion(pod) ?? state,
    restarts: restartsText(counted, nowMs),
  }
}

function isStaying({ restartPolicy }: Container): boolean {
  return restartPolicy === 'Always'
}

interface InitSummary {
  /** Undefined when all of them are through. */
  readonly state: string | undefined
  readonly ready: number
  /** Up to the one that is not through. */
  readonly seen: readonly ContainerStatus[]
  /** Those seen that stay beside the pod's containers. */
  readonly staying: readonly ContainerStatus[]
}

function summarizeInitContainers(pod: Pod, stayingNames: ReadonlySet<string>): InitSummary {
  const statuses = pod.status?.initContainerStatuses ?? []
  const total = pod.spec.initContainers?.length ?? 0
  const isThrough = ({ name, state, started }: ContainerStatus): boolean =>
    state?.terminated?.exitCode === 0 || (stayingNames.has(name) && started === true)
  const firstNot = statuses.findIndex((status) => !isThrough(status))
  const seen = firstNot === -1 ? statuses : statuses.slice(0, firstNot + 1)
  const staying = seen.filter(({ name }) => stayingNames.has(name))
  const running = staying.filter((one) => one.started === true && one.ready)
  const ready = running.filter(({ state }) => state?.terminated?.exitCode !== 0).length
  const current = statuses[firstNot]
  const state = current && `Init:${initState(current.state, `${firstNot}/${total}`)}`
  return { state, ready, seen, staying }
}

function initState({ terminated, waiting }: ContainerState = {}, progress: string): string {
  if (terminated) return terminatedState(terminated)
  const why = waiting?.reason ?? ''
  return why !== '' && why !== 'PodInitializing' ? why : progress
}

function summarizeContainers(
  pod: Pod,
  initialState: string,
): { readonly state: string; readonly ready: number } {
  let state = initialState
  let failedState = ''
  let ready = 0
  for (const status of (pod.status?.containerStatuses ?? []).toReversed()) {
    const { waiting, terminated, running } = status.state ?? {}
    if (waiting?.reason) {
      state = waiting.reason
    } else if (terminated) {
      state = terminatedState(terminated)
      if (terminated.exitCode !== 0) failedState = state
    } else if (status.ready && running) {
      ready += 1
    }
  }
  // One container is done, but is the pod?
  if (state === 'Completed') {
    if (ready > 0 && conditionStatus(pod, 'Ready') === 'True') state = 'Running'
    else if (failedState !== '') state = failedState
    else if (ready > 0) state = 'NotReady'
  }
  return { state, ready }
}

function terminatedState({
  reason,
  signal,
  exitCode,
}: NonNullable<ContainerState['terminated']>): string {
  if (reason) return reason
  return signal ? `Signal:${signal}` : `ExitCode:${exitCode}`
}

function baseState({ status = {} }: Pod): string {
  const isGated = status.conditions?.some(
    ({ type, reason }) => type === 'PodScheduled' && reason === 'SchedulingGated',
  )
  if (isGated) return 'SchedulingGated'
  return status.reason || (status.phase ?? '')
}

function stateOfDeletion({ metadata, status }: Pod): string | undefined {
  if (metadata.deletionTimestamp === undefined) return undefined
  if (status?.reason === 'NodeLost') return 'Unknown'
  const isOver = status?.phase === 'Succeeded' || status?.phase === 'Failed'
  return isOver ? undefined : 'Terminating'
}

function conditionStatus(pod: Pod, type: string): string | undefined {
  return pod.status?.conditions?.find((condition) => condition.type === type)?.status
}

function restartsText(statuses: readonly ContainerStatus[], nowMs: number): string {
  const restarts = statuses.reduce((sum, { restartCount }) => sum + restartCount, 0)
  const ends = statuses
    .map(({ lastState }) => lastState?.terminated?.finishedAt)
    .filter((time) => time !== undefined)
    .sort((a, b) => Date.parse(a) - Date.parse(b))
  const last = ends.at(-1)
  const isDated = restarts !== 0 && last !== undefined
  return isDated ? `${restarts} (${ageOf(last, nowMs)} ago)` : String(restarts)
}
