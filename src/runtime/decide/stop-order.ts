// SPDX-License-Identifier: Apache-2.0
// How running containers are stopped: first the hook of each, then its signal when its turn has come. In a
// pod that ends all but the sidecars go at once, then the sidecars one by one from the last to the first;
// they share one grace, and when that is used up nobody waits for anybody any more.
import type { ContainerRecord } from './container-record.ts'
import { minGraceMs } from './plan-container.ts'
import { podContainers } from './pod-containers.ts'
import type { Action, Ending, PodState } from './pod-state.ts'

export interface Stops {
  readonly actions: readonly Action[]
  /** When something that waits for its turn or its hook waits no longer. */
  readonly wakeAtMs: number | undefined
}

type Running = readonly [name: string, record: ContainerRecord]

/** The stops of a pod that ends. */
export function stopAll(state: PodState, ending: Ending, nowMs: number): Stops {
  const running = runningOf(state)
  const isTurnOf = turns(state, running)
  return join(
    running.map(([name, record]) =>
      stopOne(
        { name, record, state, nowMs },
        {
          deadlineMs: Math.min(ending.deadlineMs, record.doom?.deadlineMs ?? Infinity),
          isTurn: record.doom !== undefined || isTurnOf(name),
          message: record.doom?.message ?? `Stopping container ${name}`,
        },
      ),
    ),
  )
}

/** The stops of condemned runs in a pod that goes on. */
export function stopCondemned(state: PodState, nowMs: number): Stops {
  return join(
    runningOf(state).flatMap(([name, record]) =>
      record.doom === undefined
        ? []
        : [stopOne({ name, record, state, nowMs }, { ...record.doom, isTurn: true })],
    ),
  )
}

/** What runs, in the order in which it was to start. */
export function runningOf({ containers }: PodState): readonly Running[] {
  return [...containers].filter(([, { stage }]) => stage === 'started')
}

function turns(state: PodState, running: readonly Running[]): (name: string) => boolean {
  const names = new Set(running.map(([name]) => name))
  const all = state.pod ? podContainers(state.pod) : []
  const sidecars = all.filter(({ role }) => role === 'sidecar').map(({ spec }) => spec.name)
  const hasRegular = all.some(({ role, spec }) => role === 'regular' && names.has(spec.name))
  const last = sidecars.findLast((name) => names.has(name))
  return (name) => !sidecars.includes(name) || (!hasRegular && name === last)
}

interface Subject {
  readonly name: string
  readonly record: ContainerRecord
  readonly state: PodState
  readonly nowMs: number
}

interface Terms {
  readonly deadlineMs: number
  readonly isTurn: boolean
  readonly message: string
}

function stopOne({ name, record, state, nowMs }: Subject, terms: Terms): Stops {
  const { attempt, isPreStopDone } = record
  const leftMs = terms.deadlineMs - nowMs
  const wakeAtMs = leftMs > 0 ? terms.deadlineMs : undefined
  const spec = state.pod && podContainers(state.pod).find(({ spec }) => spec.name === name)?.spec
  if (leftMs > 0 && spec?.lifecycle?.preStop && !isPreStopDone) {
    const { message } = terms
    return {
      actions: [{ kind: 'preStop', container: name, attempt, timeoutMs: leftMs, message }],
      wakeAtMs,
    }
  }
  if (leftMs > 0 && !terms.isTurn) return { actions: [], wakeAtMs }
  const graceMs = Math.max(minGraceMs, leftMs)
  const { message } = terms
  return {
    actions: [{ kind: 'stop', container: name, attempt, graceMs, message }],
    wakeAtMs: undefined,
  }
}

function join(stops: readonly Stops[]): Stops {
  const times = stops.flatMap(({ wakeAtMs }) => (wakeAtMs === undefined ? [] : [wakeAtMs]))
  return {
    actions: stops.flatMap(({ actions }) => actions),
    wakeAtMs: times.length === 0 ? undefined : Math.min(...times),
  }
}
