// SPDX-License-Identifier: Apache-2.0
// What the backend says, taken into the records. Answers can be old: what was asked before a create was
// accepted proves nothing about it, the end of a pod is never taken back, and a pod is believed lost
// only when two answers in a row lack it.
import type { ObservedPod, PodRef } from '../provider/provider.ts'
import type { BackendSink, Urgency } from './backend-watch.ts'
import type { PodRecord } from './known-pod.ts'
import type { PodLoop } from './pod-loop.ts'
import { sameWire } from './wire-equal.ts'

export interface BackendNewsOptions {
  readonly track: (ref: PodRef, urgency: Urgency) => void
  readonly untrack: (uid: string) => void
  /** Holds the record against the API's cache, at each full list. */
  readonly compare: (record: PodRecord) => void
}

const missesUntilLost = 2
const startingMs = 120_000

/** Notes the backend's news and wakes the pods concerned. */
export class BackendNews implements BackendSink {
  readonly #loop: PodLoop
  readonly #options: BackendNewsOptions

  constructor(loop: PodLoop, options: BackendNewsOptions) {
    this.#loop = loop
    this.#options = options
  }

  seen(pod: ObservedPod): void {
    const record = this.#loop.records.get(pod.ref.uid)
    if (record) this.#note(record, pod)
  }

  missing(ref: PodRef, askedAtMs: number): void {
    const record = this.#loop.records.get(ref.uid)
    if (record) this.#noteMissing(record, askedAtMs)
  }

  listed(listed: readonly ObservedPod[], askedAtMs: number): void {
    const { records } = this.#loop
    const uids = new Set<string>()
    for (const pod of listed) {
      uids.add(pod.ref.uid)
      // One without a record is nobody's any more; its worker makes sure of that first.
      this.#note(records.ensure(pod.ref), pod)
    }
    for (const record of records) {
      if (!uids.has(record.ref.uid)) this.#noteMissing(record, askedAtMs)
      this.#options.compare(record)
      this.#wakeRestless(record)
    }
  }

  #note(record: PodRecord, pod: ObservedPod): void {
    // Cleaned up: late news. Ended: final, whatever an answer to an older question says.
    if (record.isCleanedUp || (record.observed?.hasEnded && !pod.hasEnded)) return
    if (record.mayExist && sameWire(record.observed, pod)) {
      record.misses = 0
      return
    }
    record.observed = pod
    record.mayExist = true
    record.misses = 0
    if (pod.hasEnded) this.#options.untrack(pod.ref.uid)
    else if (!record.ending) this.#options.track(record.ref, this.#urgencyOf(record, pod))
    this.#loop.wake(record.ref.uid)
  }

  // A pod that starts is looked at often for a while, where nothing is pushed.
  #urgencyOf({ acceptedAtMs }: PodRecord, { containers }: ObservedPod): Urgency {
    const { clock, provider } = this.#loop
    if (provider.watchPods || clock.nowMs() - acceptedAtMs > startingMs) return 'steady'
    return containers.some(({ state }) => state?.running) ? 'steady' : 'soon'
  }

  // A net below the events: what is under way gets another look. A pod at rest costs nothing.
  #wakeRestless(record: PodRecord): void {
    const { api, accepted, ending, wanted, ref } = record
    if (!api || !accepted || ending || wanted) this.#loop.wake(ref.uid)
  }

  #noteMissing(record: PodRecord, askedAtMs: number): void {
    if (!record.mayExist || record.creating || askedAtMs < record.acceptedAtMs) return
    const isExpected = record.ending !== undefined || record.api === undefined
    if (isExpected || record.observed?.hasEnded) record.mayExist = false
    else if (++record.misses < missesUntilLost) {
      this.#options.track(record.ref, 'soon')
      return
    } else this.#lose(record)
    this.#loop.wake(record.ref.uid)
  }

  #lose(record: PodRecord): void {
    const { namespace, name, uid } = record.ref
    this.#loop.log.warn({ pod: `${namespace}/${name}`, uid }, 'The backend has lost a pod')
    record.mayExist = false
    record.observed = undefined
    record.accepted = undefined
    this.#options.untrack(uid)
  }
}
