// SPDX-License-Identifier: Apache-2.0
// The whole lifecycle of a pod as one pure function: from what is wanted and what is known it says
// what to start and stop now, why the rest waits, and when to look again. Whoever carries it out
// does so one start at a time and asks again after each.
import type { Pod } from '../../kube/types.gen.ts'
import type { ContainerRecord } from './container-record.ts'
import { gracePeriodMs, isHookDone, outcomeOf, type Moment } from './plan-container.ts'
import { findContainer, podContainers } from './pod-containers.ts'
import type { Action, DecideOptions, Decision, Ending, PodState, Reset, Wait } from './pod-state.ts'
import { startOrder, type Planned } from './start-order.ts'
import { runningOf, stopAll, stopCondemned } from './stop-order.ts'

const nothing: readonly Action[] = []
const noWaits: ReadonlyMap<string, Wait> = new Map()

/** What to do now. */
export function decide(state: PodState, nowMs: number, options: DecideOptions = {}): Decision {
  if (state.hasEnded) return { actions: nothing, waits: noWaits, hasEnded: true }
  const late = state.ending ? undefined : judgeDeadline(state, nowMs)
  const ending = state.ending ?? late?.ending
  if (ending || !state.pod || state.pod.metadata.deletionTimestamp !== undefined) {
    return { ...end(state, ending, nowMs), ...(late && { ends: late }) }
  }
  return run(state.pod, state, { nowMs, options })
}

function judgeDeadline(state: PodState, nowMs: number): Decision['ends'] {
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
  const { actions, wakeAtMs } = ending
    ? stopAll(state, ending, nowMs)
    : { actions: nothing, wakeAtMs: undefined }
  // Containers without a pod may belong to one that is handed over later: they are not ended.
  const isFinal = ending !== undefined || state.pod !== undefined
  return {
    actions,
    waits: noWaits,
    hasEnded: isFinal && runningOf(state).length === 0,
    ...(wakeAtMs !== undefined && { wakeAtMs }),
  }
}

function run(pod: Pod, state: PodState, moment: Moment): Decision {
  const { nowMs } = moment
  const stops = stopCondemned(state, nowMs)
  const deadlineMs = activeDeadlineMs(state)
  if (isClearing(state))
    return told({ actions: stops.actions, times: [stops.wakeAtMs, deadlineMs] })
  const order = startOrder({ pod, state, moment })
  if (order.hasFailed || isThrough(pod, state)) return finish(pod, state, nowMs)
  const waits = waitsOf(order.planned)
  const reset = state.canStart ? resetOf(order.planned) : undefined
  if (reset) return { actions: nothing, waits, hasEnded: false, reset }
  return told({
    actions: [...stops.actions, ...actionsOf(order.planned, { pod, state })],
    waits,
    times: [stops.wakeAtMs, deadlineMs, ...[...waits.values()].map(({ untilMs }) => untilMs)],
  })
}

/** Runs of before are still being stopped, and nothing is started beside them. */
function isClearing(state: PodState): boolean {
  return runningOf(state).some(
    ([, { doom, reset }]) => reset !== undefined || doom?.cause === 'sandbox',
  )
}

/** Every regular container has ended for good, which nothing before it can change. */
function isThrough(pod: Pod, { containers }: PodState): boolean {
  return podContainers(pod).every((container) => {
    const record = containers.get(container.spec.name)
    return container.role !== 'regular' || outcomeOf(container, { pod, record }) === 'stop'
  })
}

/** What still runs beside containers that are through is stopped with the pod's own grace. */
function finish(pod: Pod, state: PodState, nowMs: number): Decision {
  const ending: Ending = { cause: 'finished', deadlineMs: nowMs + gracePeriodMs(pod) }
  const decision = end(state, ending, nowMs)
  return decision.hasEnded ? decision : { ...decision, ends: { ending } }
}

function resetOf(planned: readonly Planned[]): Reset | undefined {
  for (const { plan } of planned) if (plan.kind === 'reset') return plan.reset
  return undefined
}

function waitsOf(planned: readonly Planned[]): ReadonlyMap<string, Wait> {
  return new Map(
    planned.flatMap(({ container, plan }) =>
      plan.kind === 'wait' ? [[container.spec.name, plan.wait] as const] : [],
    ),
  )
}

function actionsOf(
  planned: readonly Planned[],
  { pod, state }: { readonly pod: Pod; readonly state: PodState },
): readonly Action[] {
  const isHeld = !state.canStart || hasHookUnderWay(pod, state)
  return planned.flatMap(({ plan }) =>
    plan.kind === 'act' && !(isHeld && plan.action.kind === 'start') ? [plan.action] : [],
  )
}

/** A hook after a start holds up every other start of the pod. */
function hasHookUnderWay(pod: Pod, state: PodState): boolean {
  return runningOf(state).some(([name, record]: readonly [string, ContainerRecord]) => {
    const spec = findContainer(pod, name)?.spec
    return spec !== undefined && record.doom === undefined && !isHookDone(spec, record)
  })
}

function told(parts: {
  readonly actions: readonly Action[]
  readonly waits?: ReadonlyMap<string, Wait>
  readonly times: readonly (number | undefined)[]
}): Decision {
  const wakeAtMs = Math.min(...parts.times.map((atMs) => atMs ?? Infinity))
  return {
    actions: parts.actions,
    waits: parts.waits ?? noWaits,
    hasEnded: false,
    ...(wakeAtMs < Infinity && { wakeAtMs }),
  }
}
