// SPDX-License-Identifier: Apache-2.0
// One probe of one run of a container as a pure function: from its results so far and a new one follow
// the verdict, if that is due, and the time of the next probe.
import type { ProbeKind, ProbeResult, ProbeTerms } from '../decide/probe-terms.ts'

/** What is kept between two probes; a new run of the container begins with `newProbe`. */
export interface ProbeState {
  readonly lastResult?: ProbeResult
  /** So many in a row were equal to the last one. */
  readonly resultRun: number
  /** When the row of early probes began; undefined: it has not, or is over. */
  readonly earlySinceMs?: number | undefined
  readonly earlyCount: number
}

export interface ProbeOutcome {
  readonly kind: ProbeKind
  /** Undefined: the probe could not be carried out. */
  readonly result: ProbeResult | undefined
  readonly isReady: boolean
  /** When this probe began, and now, on a clock that never goes back. */
  readonly beganAtMs: number
  readonly nowMs: number
}

export interface ProbeStep {
  readonly state: ProbeState
  /** Reached by this result: so many in a row as it takes. */
  readonly verdict?: ProbeResult
  /** The next probe comes before its period is over. */
  readonly isEarlyNext: boolean
  readonly nextAtMs: number
}

export const newProbe: ProbeState = { resultRun: 0, earlyCount: 0 }

/**
 * A container that was just started listens a moment later. Kubernetes allows for readiness to be asked
 * more often as long as a container is not ready; these pauses are made within the first period.
 */
const earlyPausesMs = [25, 35, 50, 70, 100, 140, 200, 280, 400, 560, 800]

/** What follows from a probe. */
export function afterProbe(state: ProbeState, outcome: ProbeOutcome, terms: ProbeTerms): ProbeStep {
  const { result, beganAtMs, nowMs } = outcome
  const regularAtMs = Math.max(beganAtMs + terms.periodMs, nowMs)
  const earlyAtMs = earlyProbeAtMs(state, outcome, terms)
  const counted = result === undefined ? state : count(state, result)
  const next: ProbeState =
    earlyAtMs === undefined
      ? { ...counted, earlySinceMs: undefined, earlyCount: earlyPausesMs.length }
      : {
          ...counted,
          earlySinceMs: state.earlySinceMs ?? beganAtMs,
          earlyCount: state.earlyCount + 1,
        }
  const verdict = result !== undefined && isReached(counted, result, terms) ? result : undefined
  return {
    state: next,
    ...(verdict && { verdict }),
    isEarlyNext: earlyAtMs !== undefined,
    nextAtMs: earlyAtMs ?? regularSince(state, regularAtMs, { outcome, terms }),
  }
}

/**
 * How long after `nowMs` the first probe is made: when the initial delay is over, which counts from the
 * start of the run; at once where there is none. Clocks that jump make it neither longer nor negative.
 */
export function firstProbeInMs(
  { initialDelayMs, periodMs }: ProbeTerms,
  run: {
    readonly startedAtMs: number
    readonly nowMs: number
    /** 0…1: where in its first period a probe lies that was going on before we were started. */
    readonly jitter?: number | undefined
  },
): number {
  const leftMs = run.startedAtMs + initialDelayMs - run.nowMs
  const delayMs = Math.min(Math.max(leftMs, 0), initialDelayMs)
  return Math.max(delayMs, (run.jitter ?? 0) * periodMs)
}

function count(state: ProbeState, result: ProbeResult): ProbeState {
  const resultRun = state.lastResult === result ? state.resultRun + 1 : 1
  return { ...state, lastResult: result, resultRun }
}

function isReached(
  { resultRun }: ProbeState,
  result: ProbeResult,
  { failureThreshold, successThreshold }: ProbeTerms,
): boolean {
  return resultRun >= (result === 'success' ? successThreshold : failureThreshold)
}

function earlyProbeAtMs(
  { earlySinceMs, earlyCount }: ProbeState,
  { kind, result, isReady, beganAtMs, nowMs }: ProbeOutcome,
  { periodMs }: ProbeTerms,
): number | undefined {
  const pauseMs = earlyPausesMs[earlyCount]
  if (kind !== 'readiness' || isReady || result === 'success' || pauseMs === undefined) {
    return undefined
  }
  const atMs = nowMs + pauseMs
  return atMs < (earlySinceMs ?? beganAtMs) + periodMs ? atMs : undefined
}

/** The first regular probe after early ones comes a period after the first of those. */
function regularSince(
  { earlySinceMs }: ProbeState,
  regularAtMs: number,
  { outcome, terms }: { readonly outcome: ProbeOutcome; readonly terms: ProbeTerms },
): number {
  if (earlySinceMs === undefined || outcome.result === 'success') return regularAtMs
  return Math.max(earlySinceMs + terms.periodMs, outcome.nowMs)
}
