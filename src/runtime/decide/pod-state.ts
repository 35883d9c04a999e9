// SPDX-License-Identifier: Apache-2.0
// The words of decide(): what a decision rests on, and what it says. Everything here is plain data, so that
// it can be kept on the disk and made up by tests.
import type { Pod } from '../../kube/types.gen.ts'
import type { ContainerRecord, Doom, ProbeFailure } from './container-record.ts'
import type { CrashBackoff } from './crash-backoff.ts'

export interface Failure {
  readonly reason: string
  readonly message: string
  /** See ObservedPod.failure. */
  readonly isOwnFault?: boolean
}

/** The pod is being ended for good. */
export interface Ending {
  /**
   * `deleted`: somebody wants it gone. `failed` and `evicted`: it failed as a whole, as the record's failure
   * says. `finished`: its own containers are through, and what ran beside them is not needed any more.
   */
  readonly cause: 'deleted' | 'failed' | 'evicted' | 'finished'
  /** When the grace is used up; only ever moved nearer. */
  readonly deadlineMs: number
}

/** A start that failed and is tried again. */
export interface StartFailure extends Failure {
  readonly retryAtMs: number
  /** What is shown instead from some time on: that it waits for the next try. */
  readonly later?: Failure & { readonly fromMs: number }
}

/** What probes say of the present run of a container. */
export interface ContainerHealth {
  readonly started: boolean
  readonly ready: boolean
  /** A verdict that ends the run. */
  readonly failed?: ProbeFailure
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
  /** By container; one that is not named runs without probes, or was not probed yet. */
  readonly health?: ReadonlyMap<string, ContainerHealth> | undefined
}

export type Action =
  | {
      readonly kind: 'start'
      readonly container: string
      readonly attempt: number
      /** To be kept with the run. */
      readonly backoff?: CrashBackoff
    }
  /** To be noted on the disk; the next decision stops the run. */
  | {
      readonly kind: 'condemn'
      readonly container: string
      readonly attempt: number
      readonly doom: Doom
    }
  | { readonly kind: 'postStart'; readonly container: string; readonly attempt: number }
  /** It is to have the resources that its spec names, without a restart. */
  | { readonly kind: 'resize'; readonly container: string; readonly attempt: number }
  | {
      readonly kind: 'preStop'
      readonly container: string
      readonly attempt: number
      /** What is left of the grace. */
      readonly timeoutMs: number
      /** For the event. */
      readonly message: string
    }
  | {
      readonly kind: 'stop'
      readonly container: string
      readonly attempt: number
      readonly graceMs: number
      /** For the event. */
      readonly message: string
    }

/**
 * A rule asks for all containers to be started anew: to be noted on the disk before anything is done. The
 * container whose end has brought it about keeps the back-off.
 */
export interface Reset {
  readonly container: string
  readonly backoff: CrashBackoff
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
  /**
   * Decided now: the pod ends, by a failure of its own or because it is through. To be noted on the disk
   * before anything is stopped: ends of our making say nothing about the containers.
   */
  readonly ends?: { readonly ending: Ending; readonly failure?: Failure }
  readonly reset?: Reset
  readonly hasEnded: boolean
  readonly wakeAtMs?: number
}

export interface DecideOptions {
  /** The runtime can change what a running container has. */
  readonly canResize?: boolean
  readonly crashBackoffCapMs?: number | undefined
}
