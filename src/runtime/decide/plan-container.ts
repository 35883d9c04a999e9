// SPDX-License-Identifier: Apache-2.0
// What one container of a pod that goes on needs now, apart from its turn: to be started, to be stopped
// because something is wrong with this run, to wait, or nothing.
import type { Container, Pod } from '../../kube/types.gen.ts'
import type { ContainerRecord, Doom, ProbeFailure } from './container-record.ts'
import { judgeRestart, type CrashBackoff, type CrashBackoffVerdict } from './crash-backoff.ts'
import { goDuration } from './go-duration.ts'
import { hookFailure } from './hook-failure.ts'
import type { ContainerRole, PodContainer } from './pod-containers.ts'
import type { Action, DecideOptions, PodState, Reset, StartFailure, Wait } from './pod-state.ts'
import { resizeOf } from '../resources/allocation.ts'
import { afterExit, afterInitExit, type ExitOutcome } from './restart-policy.ts'

export interface Moment {
  readonly nowMs: number
  readonly options: DecideOptions
}

export interface PlanInput {
  readonly pod: Pod
  readonly state: PodState
  readonly moment: Moment
}

export type Plan =
  /** It runs as it should. */
  | { readonly kind: 'keep' }
  /** It has ended and is not started again. */
  | { readonly kind: 'done'; readonly exitCode: number }
  | { readonly kind: 'act'; readonly action: Action }
  /** Its end has all containers of the pod started anew. */
  | { readonly kind: 'reset'; readonly reset: Reset }
  | { readonly kind: 'wait'; readonly wait: Wait }

/** A container always has this long between the stop signal and KILL. */
export const minGraceMs = 2000
const defaultGraceSeconds = 30

/** The pod's own grace period in milliseconds. */
export function gracePeriodMs(pod: Pod | undefined): number {
  return (pod?.spec.terminationGracePeriodSeconds ?? defaultGraceSeconds) * 1000
}

/** What a run has that is stopped for this cause while its pod goes on; `failed` is the verdict of its probes. */
export function doomGraceMs(
  cause: Doom['cause'],
  { pod, failed }: { readonly pod: Pod | undefined; readonly failed: ProbeFailure | undefined },
): number {
  // A rule that has all containers started anew waits for none of them.
  if (cause === 'reset') return 0
  const isProbe = cause === 'liveness' || cause === 'startup'
  const seconds = isProbe ? failed?.graceSeconds : undefined
  return seconds === undefined ? gracePeriodMs(pod) : seconds * 1000
}

/** `name_namespace(uid)`, as the kubelet's messages call a pod. */
export function podName({ metadata }: Pod): string {
  return `${metadata.name}_${metadata.namespace}(${metadata.uid})`
}

/** Has its hook after the start been run, where it has one? */
export function isHookDone(spec: Container, record: ContainerRecord): boolean {
  return spec.lifecycle?.postStart === undefined || record.postStart !== undefined
}

/** What the container needs now. */
export function planContainer(container: PodContainer, input: PlanInput): Plan {
  const { spec, role } = container
  const { state, moment } = input
  const record = state.containers.get(spec.name)
  if (record?.stage === 'started') return planRunning(container, record, input)
  const failure = state.startFailures.get(spec.name)
  if (failure && failure.retryAtMs > moment.nowMs) return waitFor(failure, moment.nowMs)
  if (record?.stage !== 'ended') return start(spec.name, record?.attempt ?? 0, record?.backoff)
  if (role === 'ephemeral') return { kind: 'done', exitCode: record.termination?.exitCode ?? 0 }
  return planEnded(container, record, input)
}

/** What the policies and rules make of its last end; undefined while it runs, or has never run. */
export function outcomeOf(
  { spec, role }: PodContainer,
  { pod, record }: { readonly pod: Pod; readonly record: ContainerRecord | undefined },
): ExitOutcome | undefined {
  if (record?.stage !== 'ended' || isVoid(record, role)) return undefined
  const exitCode = record.termination?.exitCode ?? 0
  if (role === 'ephemeral') return 'stop'
  const cause = record.doom?.cause
  if (cause === 'changed' || cause === 'resize') return 'restart'
  // Rules speak of exit codes; what a probe has killed is judged by the policies alone.
  if (role === 'regular' && (cause === 'liveness' || cause === 'startup')) {
    return restartsAfterProbe(pod, spec) ? 'restart' : 'stop'
  }
  return role === 'regular' ? afterExit(pod, spec, exitCode) : afterInitExit(pod, spec, exitCode)
}

function planRunning(container: PodContainer, record: ContainerRecord, input: PlanInput): Plan {
  const { spec, role } = container
  const { attempt } = record
  if (record.doom || role === 'ephemeral') return { kind: 'keep' }
  const doom = doomOf(container, record, input)
  if (doom) return act({ kind: 'condemn', container: spec.name, attempt, doom })
  if (!isHookDone(spec, record)) return act({ kind: 'postStart', container: spec.name, attempt })
  if (resizeWanted(spec, record, input) !== 'live') return { kind: 'keep' }
  return act({ kind: 'resize', container: spec.name, attempt })
}

function resizeWanted(
  spec: Container,
  { resources }: ContainerRecord,
  { moment }: PlanInput,
): ReturnType<typeof resizeOf> {
  if (!moment.options.canResize || resources === undefined) return 'none'
  return resizeOf(spec, resources)
}

function doomOf(
  container: PodContainer,
  record: ContainerRecord,
  input: PlanInput,
): Doom | undefined {
  const { pod, state, moment } = input
  const failed = state.health?.get(container.spec.name)?.failed
  const verdict = verdictOn(container, record, { ...input, failed })
  if (!verdict) return undefined
  const graceMs = doomGraceMs(verdict.cause, { pod, failed })
  return { ...verdict, deadlineMs: moment.nowMs + graceMs }
}

function verdictOn(
  { spec, role }: PodContainer,
  record: ContainerRecord,
  input: PlanInput & { readonly failed: ProbeFailure | undefined },
): Pick<Doom, 'cause' | 'message'> | undefined {
  const { pod, failed } = input
  const subject = `${role === 'regular' ? 'Container' : 'Init container'} ${spec.name}`
  if (record.postStart === 'failed') return { cause: 'postStart', message: 'FailedPostStartHook' }
  if (role === 'init') return undefined
  if (!hasSameImage(spec, record)) {
    const message = told(`${subject} definition changed`, { role, isRestarted: true })
    return { cause: 'changed', message }
  }
  if (resizeWanted(spec, record, input) === 'restart') {
    return { cause: 'resize', message: `Container ${spec.name} resize requires restart` }
  }
  if (!failed) return undefined
  const isRestarted = restartsAfterProbe(pod, spec)
  const message = told(`${subject} failed ${failed.probe} probe`, { role, isRestarted })
  return { cause: failed.probe, message }
}

function told(
  message: string,
  { role, isRestarted }: { readonly role: ContainerRole; readonly isRestarted: boolean },
): string {
  return role === 'regular' && isRestarted ? `${message}, will be restarted` : message
}

function restartsAfterProbe(pod: Pod, { restartPolicy }: Container): boolean {
  return (restartPolicy ?? pod.spec.restartPolicy) !== 'Never'
}

function planEnded(container: PodContainer, record: ContainerRecord, input: PlanInput): Plan {
  const { spec, role } = container
  const { pod, moment } = input
  const { termination, doom } = record
  const next = record.attempt + 1
  if (isVoid(record, role)) return start(spec.name, next, record.backoff)
  if (doom?.cause === 'changed' || doom?.cause === 'resize')
    return start(spec.name, next, undefined)
  const outcome = outcomeOf(container, { pod, record })
  if (outcome === 'stop') return { kind: 'done', exitCode: termination?.exitCode ?? 0 }
  const verdict = judgeRestart({
    // Another image is another container: the row starts anew.
    state: hasSameImage(spec, record) ? record.backoff : undefined,
    finishedAtMs: termination?.finishedAtMs ?? moment.nowMs,
    nowMs: moment.nowMs,
    capMs: moment.options.crashBackoffCapMs,
  })
  if (verdict.waitMs === 0 && outcome === 'restartAll') {
    return { kind: 'reset', reset: { container: spec.name, backoff: verdict.next } }
  }
  if (verdict.waitMs === 0) return start(spec.name, next, verdict.next)
  return { kind: 'wait', wait: backoffWait(spec, { pod, record, moment, verdict }) }
}

interface Backoff {
  readonly pod: Pod
  readonly record: ContainerRecord
  readonly moment: Moment
  readonly verdict: CrashBackoffVerdict
}

function backoffWait(
  spec: Container,
  { pod, record: { doom, termination }, moment: { nowMs }, verdict }: Backoff,
): Wait {
  const untilMs = nowMs + verdict.waitMs
  const hook =
    doom?.cause === 'postStart'
      ? hookFailure(spec, { pod: podName(pod), termination, nowMs })
      : undefined
  if (hook) return { ...hook, untilMs: Math.min(hook.untilMs, untilMs) }
  const message = `back-off ${goDuration(verdict.delayMs)} restarting failed container=${spec.name} pod=${podName(pod)}`
  return { reason: 'CrashLoopBackOff', message, untilMs }
}

/** It runs again whatever its end was. */
function isVoid({ reset }: ContainerRecord, role: ContainerRole): boolean {
  return reset === 'all' || (reset === 'sandbox' && role !== 'regular')
}

function hasSameImage({ image = '' }: Container, record: ContainerRecord): boolean {
  return record.image === '' || record.image === image
}

function waitFor({ reason, message, retryAtMs, later }: StartFailure, nowMs: number): Plan {
  if (!later) return { kind: 'wait', wait: { reason, message, untilMs: retryAtMs } }
  const isLater = nowMs >= later.fromMs
  const shown = isLater ? later : { reason, message }
  const untilMs = isLater ? retryAtMs : Math.min(later.fromMs, retryAtMs)
  return { kind: 'wait', wait: { reason: shown.reason, message: shown.message, untilMs } }
}

function start(container: string, attempt: number, backoff: CrashBackoff | undefined): Plan {
  return act({ kind: 'start', container, attempt, ...(backoff && { backoff }) })
}

function act(action: Action): Plan {
  return { kind: 'act', action }
}
