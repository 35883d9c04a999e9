// SPDX-License-Identifier: Apache-2.0
// What this process knows of one pod, by UID: the API's newest object, the backend's newest word, and
// what was done so far. decide-pod.ts reads it and never writes; the pod worker is its one writer.
import type { Pod, PodStatus } from '../kube/types.gen.ts'
import type { ObservedPod, PodRef } from '../provider/provider.ts'
import type { ResizeState } from './resize-state.ts'

/** What became of the judgement on a pod that was bound to this node. */
export type Verdict =
  | { readonly kind: 'admitted' }
  /** The node cannot take it: Failed for good. */
  | { readonly kind: 'rejected'; readonly reason: string; readonly message: string }
  /** The backend lacks features it needs: Pending until its spec changes. */
  | { readonly kind: 'unsupported'; readonly message: string }

/** A deletePod that the backend has accepted. */
export interface Ending {
  /** When the grace that was given ends. */
  readonly deadlineMs: number
  readonly calledAtMs: number
}

/** Why the pod's containers wait; shown as their waiting reason. */
export interface Problem {
  readonly reason: string
  readonly message: string
}

/** An ephemeral container that the backend is not given. */
export interface RefusedContainer {
  readonly name: string
  /** Every field that stands against it, and why. */
  readonly message: string
}

/** Everything a decision about one pod rests on. */
export interface KnownPod {
  readonly ref: PodRef
  /** The newest object of this UID, or undefined when the API has none (any more). */
  readonly api: Pod | undefined
  /** When deletion was asked for, by our clock, where we saw it happen; see deletionDeadlineMs. */
  readonly deletionSeenMs: number | undefined
  /** The API's lack of the object was read afresh, not only concluded from the cache. */
  readonly isGoneConfirmed: boolean
  readonly verdict: Verdict | undefined
  readonly observed: ObservedPod | undefined
  /** createPod was called, or the backend named the pod: something of it may exist there. */
  readonly mayExist: boolean
  /** The object last accepted by createPod or updatePod of this process. */
  readonly accepted: Pod | undefined
  /** Ephemeral containers of it that the backend was not given. */
  readonly refused: readonly RefusedContainer[]
  /** Something it waits for has changed: the backend is to try again now. */
  readonly isNudged: boolean
  /** The backend lost a pod whose restart policy forbids another run. */
  readonly isLost: boolean
  readonly ending: Ending | undefined
  readonly resize: ResizeState
  readonly isCleanedUp: boolean
  /** When the API accepted our delete. */
  readonly apiDeletedAtMs: number | undefined
  /** No call to the backend and no delete before this. */
  readonly retryAtMs: number
}

/** The mutable record behind a KnownPod, and what its worker remembers for reporting. */
export interface PodRecord extends KnownPod {
  api: Pod | undefined
  /** The last object seen, kept when the API has dropped it: events and cleaning up need it. */
  lastApi: Pod | undefined
  readonly firstSeenMs: number
  deletionSeenMs: number | undefined
  isGoneConfirmed: boolean
  verdict: Verdict | undefined
  observed: ObservedPod | undefined
  mayExist: boolean
  accepted: Pod | undefined
  refused: readonly RefusedContainer[]
  isNudged: boolean
  isLost: boolean
  ending: Ending | undefined
  resize: ResizeState
  isCleanedUp: boolean
  apiDeletedAtMs: number | undefined
  retryAtMs: number
  failures: number
  problem: Problem | undefined
  /** The status to publish, until the API has it. */
  wanted: PodStatus | undefined
  /** Set while a createPod is under way: aborts it, and answers that lack the pod prove nothing. */
  creating: AbortController | undefined
  /** When createPod last succeeded, by our clock; answers asked for before it prove nothing. */
  acceptedAtMs: number
  /** Answers in a row in which the backend did not name the pod. */
  misses: number
  phaseCounted: string | undefined
  /** Its end was logged. */
  isEndTold: boolean
  isStartMeasured: boolean
}

/** A record of a pod nothing is known of yet. */
export function newPodRecord(ref: PodRef, nowMs: number): PodRecord {
  return {
    ref,
    api: undefined,
    lastApi: undefined,
    firstSeenMs: nowMs,
    deletionSeenMs: undefined,
    isGoneConfirmed: false,
    verdict: undefined,
    observed: undefined,
    mayExist: false,
    accepted: undefined,
    refused: [],
    isNudged: false,
    isLost: false,
    ending: undefined,
    resize: {},
    isCleanedUp: false,
    apiDeletedAtMs: undefined,
    retryAtMs: 0,
    failures: 0,
    problem: undefined,
    wanted: undefined,
    creating: undefined,
    acceptedAtMs: 0,
    misses: 0,
    phaseCounted: undefined,
    isEndTold: false,
    isStartMeasured: false,
  }
}

/** The reference of a pod that the API knows. */
export function refOf(pod: Pod): PodRef {
  const { namespace, name, uid } = pod.metadata
  return { namespace, name, uid }
}
