// SPDX-License-Identifier: Apache-2.0
// The whole lifecycle of a pod as one pure function: from what is wanted and what is known it says
// what to start and stop now, why the rest waits, and when to look again. Whoever carries it out
// does so one start at a time and asks again after each.
import type { Container, Pod } from '../../kube/types.gen.ts'
import type { ContainerRecord } from './container-record.ts'
import type { CrashBackoff } from './crash-backoff.ts'
import { judgeRestart } from './crash-backoff.ts'
import { afterExit } from './restart-policy.ts'

export interface Failure {
  readonly reason: string
  readonly message: string
}

/** The pod is being ended for good. */
export interface Ending {
  readonly cause: 'deleted' | 'failed'
  /** When the grace is used up; only ever moved nearer. */
  readonly deadlineMs: number
}

/** A start that failed and is tried again. */
export interface StartFailure extends Failure {
  readonly retryAtMs: number
}

/** All that a decision rests on. */
export interface PodState {
  /** Undefined for containers found in the runtime whose pod nobody has named yet. */
  readonly pod: Pod | undefined
  readonly containers: ReadonlyMap<string, ContainerRecord>
  readonly startTimeMs: number
  /** The pod was handed over by the API since our start, and its surroundings are ready. */
  readonly canStart: boolean
  readonly ending?: Ending | undefined
  readonly hasEnded: boolean
  readonly startFailures: ReadonlyMap<string, StartFailure>
}

export type Action =
  | {
      readonly kind: 'start'
      readonly container: string
      readonly attempt: number
      /** To be kept with the run. */
      readonly backoff?: CrashBackoff
    }
  | {
      readonly kind: 'stop'
      readonly container: string
      readonly attempt: number
      readonly graceMs: number
      readonly why: 'ending' | 'changed'
    }

/** Why a container that does not run waits. */
export interface Wait {
  readonly reason: string
  readonly message?: string
  readonly untilMs: number
}

export interface Decision {
  readonly actions: readonly Action[]
  readonly waits: ReadonlyMap<string, Wait>
  /** Decided now: the pod has failed as a whole, and ends. */
  readonly failed?: { readonly failure: Failure; readonly ending: Ending }
  readonly hasEnded: boolean
  readonly wakeAtMs?: number
}

export interface DecideOptions {
  readonly crashBackoffCapMs?: number | undefined
}

/** A container always has this long between the stop signal and KILL. */
export const minGraceMs = 2000
const defaultGraceSeconds = 30

/** What to do now. */
export function decide(state: PodState, nowMs: number, options: DecideOptions = {}): Decision {
  if (state.hasEnded) return { actions: [], waits: new Map(), hasEnded: true }
  const failed = state.ending ? undefined : judgeDeadline(state, nowMs)
  const ending = state.ending ?? failed?.ending
  if (ending || !state.pod || state.pod.metadata.deletionTimestamp !== undefined) {
    return { ...end(state, ending, nowMs), ...(failed && { failed }) }
  }
  return run(state.pod, state, { nowMs, options })
}

/** The pod's own grace period in milliseconds. */
export function gracePeriodMs(pod: Pod | undefined): number {
  return (pod?.spec.terminationGracePeriodSeconds ?? defaultGraceSeconds) * 1000
}

function judgeDeadline(state: PodState, nowMs: number): Decision['failed'] {
  const deadlineMs = activeDeadlineMs(state)
  if (deadlineMs === undefined || nowMs < deadlineMs) return undefined
  return {
    failure: {
      reason: 'DeadlineExceeded',
      message: 'Pod was active on the node longer than the specified deadline',
    },
    ending: { cause: 'failed', deadlineMs: nowMs + gracePeriodMs(state.pod) },
  }
}

function activeDeadlineMs({ pod, startTimeMs }: PodState): number | undefined {
  const seconds = pod?.spec.activeDeadlineSeconds
  return seconds === undefined ? undefined : startTimeMs + seconds * 1000
}

/** Nothing is started any more. Without an `ending` nothing is stopped either: the order is to come. */
function end(state: PodState, ending: Ending | undefined, nowMs: number): Decision {
  const running = [...state.containers].filter(([, { stage }]) => stage === 'started')
  const actions = running.map(([container, { attempt }]) => ({
    kind: 'stop' as const,
    container,
    attempt,
    graceMs: Math.max(minGraceMs, (ending?.deadlineMs ?? 0) - nowMs),
    why: 'ending' as const,
  }))
  // Containers without a pod may belong to one that is handed over later: they are not ended.
  const isFinal = ending !== undefined || state.pod !== undefined
  return {
    actions: ending ? actions : [],
    waits: new Map(),
    hasEnded: isFinal && running.length === 0,
  }
}

interface Moment {
  readonly nowMs: number
  readonly options: DecideOptions
}

type Plan =
  | { readonly kind: 'keep' | 'done' }
  | { readonly kind: 'act'; readonly action: Action }
  | { readonly kind: 'wait'; readonly wait: Wait }

function run(pod: Pod, state: PodState, moment: Moment): Decision {
  const actions: Action[] = []
  const waits = new Map<string, Wait>()
  let wakeAtMs = activeDeadlineMs(state)
  let isDone = true
  for (const container of pod.spec.containers) {
    const plan = planContainer(container, { pod, state, moment })
    isDone &&= plan.kind === 'done'
    if (plan.kind === 'wait') {
      waits.set(container.name, plan.wait)
      wakeAtMs = Math.min(plan.wait.untilMs, wakeAtMs ?? Infinity)
    }
    if (plan.kind === 'act' && (plan.action.kind === 'stop' || state.canStart)) {
      actions.push(plan.action)
    }
  }
  return { actions, waits, hasEnded: isDone, ...(wakeAtMs !== undefined && { wakeAtMs }) }
}

interface PlanInput {
  readonly pod: Pod
  readonly state: PodState
  readonly moment: Moment
}

function planContainer(container: Container, input: PlanInput): Plan {
  const { pod, state, moment } = input
  const { name } = container
  const record = state.containers.get(name)
  if (record?.stage === 'started') return planRunning(container, record, pod)
  const failure = state.startFailures.get(name)
  if (record?.stage !== 'ended') {
    if (failure && failure.retryAtMs > moment.nowMs) return waitFor(failure)
    return { kind: 'act', action: startOf(name, record) }
  }
  return planEnded(container, record, input)
}

function planRunning(container: Container, record: ContainerRecord, pod: Pod): Plan {
  if (hasSameImage(container, record)) return { kind: 'keep' }
  const { name } = container
  const graceMs = Math.max(minGraceMs, gracePeriodMs(pod))
  const { attempt } = record
  return {
    kind: 'act',
    action: { kind: 'stop', container: name, attempt, graceMs, why: 'changed' },
  }
}

function planEnded(container: Container, record: ContainerRecord, input: PlanInput): Plan {
  const { pod, moment } = input
  const { name } = container
  if (record.isReplacing) return { kind: 'act', action: startNext(name, record) }
  const { termination } = record
  const exitCode = termination?.exitCode ?? 0
  if (afterExit(pod, container, exitCode) === 'stop') return { kind: 'done' }
  const verdict = judgeRestart({
    // Another image is another container: the row starts anew.
    state: hasSameImage(container, record) ? record.backoff : undefined,
    finishedAtMs: termination?.finishedAtMs ?? moment.nowMs,
    nowMs: moment.nowMs,
    capMs: moment.options.crashBackoffCapMs,
  })
  if (verdict.waitMs === 0) {
    return { kind: 'act', action: startNext(name, record, verdict.next) }
  }
  const message = `back-off ${goDuration(verdict.delayMs)} restarting failed container=${name} pod=${podName(pod)}`
  const untilMs = moment.nowMs + verdict.waitMs
  return { kind: 'wait', wait: { reason: 'CrashLoopBackOff', message, untilMs } }
}

function hasSameImage({ image = '' }: Container, record: ContainerRecord): boolean {
  return record.image === '' || record.image === image
}

function waitFor({ reason, message, retryAtMs }: StartFailure): Plan {
  return { kind: 'wait', wait: { reason, message, untilMs: retryAtMs } }
}

function startOf(container: string, record: ContainerRecord | undefined): Action {
  const backoff = record?.backoff
  return {
    kind: 'start',
    container,
    attempt: record?.attempt ?? 0,
    ...(backoff && { backoff }),
  }
}

function startNext(container: string, record: ContainerRecord, backoff?: CrashBackoff): Action {
  return {
    kind: 'start',
    container,
    attempt: record.attempt + 1,
    ...(backoff && { backoff }),
  }
}

/** `name_namespace(uid)`, as the kubelet's messages call a pod. */
export function podName({ metadata }: Pod): string {
  return `${metadata.name}_${metadata.namespace}(${metadata.uid})`
}

/** A whole number of seconds as Go prints it: 10s, 1m20s, 5m0s. */
function goDuration(durationMs: number): string {
  const seconds = Math.round(durationMs / 1000)
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`
}
