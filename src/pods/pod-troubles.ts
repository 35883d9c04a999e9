// SPDX-License-Identifier: Apache-2.0
// What a failure makes of a pod: the reason why its containers wait, an event, a line in the log, and
// the time before which nothing is tried again. Never its end.
import type { Pod } from '../kube/types.gen.ts'
import { backoffMs } from '../util/backoff.ts'
import type { BackoffOptions } from '../util/backoff.ts'
import { VkError, behaviourOf, messageOf } from '../util/vk-error.ts'
import { unsupportedJudgement } from './judge-pod.ts'
import type { PodRecord, Problem, RefusedContainer } from './known-pod.ts'
import type { PodLoop } from './pod-loop.ts'
import { podReference } from './pod-reference.ts'

const backoff: BackoffOptions = { baseMs: 1000, factor: 2, capMs: 300_000, jitter: 0.25 }
/** Ending a pod and cleaning up are tried more often: somebody waits for it. */
const endingBackoff: BackoffOptions = { ...backoff, capMs: 30_000 }

/** Events by upstream's names. */
export type BackendFailure =
  | 'ProviderCreateFailed'
  | 'ProviderUpdateFailed'
  | 'ProviderDeleteFailed'

/** Something that was wanted for this pod worked. */
export function noteSuccess(record: PodRecord): void {
  record.problem = undefined
  record.failures = 0
  record.retryAtMs = 0
}

/** Notes and reports the failures of one node's pods. */
export class PodTroubles {
  readonly #loop: PodLoop

  constructor(loop: PodLoop) {
    this.#loop = loop
  }

  /** An environment cannot be resolved; the fitting notices have been recorded already. */
  cannotResolve(record: PodRecord, api: Pod, error: unknown): void {
    const before = record.problem?.message
    const message = this.#hold(record, error, backoff)
    record.problem = { reason: behaviourOf(error).podReason, message }
    if (before === message) return
    const event = { type: 'Warning', reason: 'Failed', message: `Error: ${message}` } as const
    this.#loop.recorder.record(podReference(api), event)
  }

  /** A call to the backend failed. */
  backendFailed(
    record: PodRecord,
    { reason, error }: { readonly reason: BackendFailure; readonly error: unknown },
  ): void {
    const isEnding = reason === 'ProviderDeleteFailed'
    const message = this.#hold(record, error, isEnding ? endingBackoff : backoff)
    if (!isEnding) record.problem = { reason: behaviourOf(error).podReason, message }
    this.#warn(record, `${reason}: ${message}`)
    const pod = record.api ?? record.lastApi
    if (pod) this.#loop.recorder.record(podReference(pod), { type: 'Warning', reason, message })
  }

  /** The backend itself found a field beyond its limits; only another spec can change that. */
  unsupported(record: PodRecord, api: Pod, message: string): void {
    const { verdict, events } = unsupportedJudgement(api, message)
    record.verdict = verdict
    this.#loop.records.admitted.delete(record.ref.uid)
    for (const event of events) this.#loop.recorder.record(podReference(api), event)
  }

  /** Ephemeral containers that the backend is not given; each is told of once, also over a restart. */
  containersRefused(record: PodRecord, api: Pod, refused: readonly RefusedContainer[]): void {
    const before = record.refused
    record.refused = refused
    const reason = 'UnsupportedPodSpec'
    for (const { name, message } of refused) {
      const isTold = before.some((one) => one.name === name && one.message === message)
      if (isTold || isInStatus(api, { name, reason, message })) continue
      this.#loop.recorder.record(podReference(api, name), { type: 'Warning', reason, message })
    }
  }

  /** The API refused or did not answer. */
  apiFailed(
    record: PodRecord,
    { what, error }: { readonly what: string; readonly error: unknown },
  ): void {
    this.#hold(record, error, endingBackoff)
    this.#warn(record, `The API server could not ${what}: ${messageOf(error)}`)
  }

  #hold(record: PodRecord, error: unknown, options: BackoffOptions): string {
    record.failures++
    const wishMs = error instanceof VkError ? (error.retryAfterMs ?? 0) : 0
    const delayMs = Math.max(wishMs, backoffMs(record.failures, options))
    record.retryAtMs = this.#loop.clock.nowMs() + delayMs
    return messageOf(error)
  }

  #warn({ ref, failures }: PodRecord, message: string): void {
    const pod = `${ref.namespace}/${ref.name}`
    this.#loop.log.warn({ pod, uid: ref.uid, failures }, message)
  }
}

function isInStatus(
  { status }: Pod,
  { name, reason, message }: Problem & { readonly name: string },
): boolean {
  const found = status?.ephemeralContainerStatuses?.find((one) => one.name === name)
  const waiting = found?.state?.waiting
  return waiting?.reason === reason && waiting.message === message
}
