// SPDX-License-Identifier: Apache-2.0
// All records of one node's pods: by UID, and by name for the rule that a pod waits for its
// predecessor. The one place where a record's API object changes, so that what is counted along
// with it (phases, requests of admitted pods) never drifts.
import type { Pod } from '../kube/types.gen.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { PodRef } from '../provider/provider.ts'
import type { Clock } from '../util/clock.ts'
import { AdmittedPods } from './admitted-pods.ts'
import { grantedPod } from './resize-state.ts'
import { isDeleting } from './decide-pod.ts'
import { newPodRecord } from './known-pod.ts'
import type { PodRecord } from './known-pod.ts'
import { needsUpdate } from './pod-changes.ts'
import { compareVersions } from './resource-version.ts'

export interface PodRecordsOptions {
  readonly nodeName: string
  readonly clock: Clock
  readonly metrics?: Metrics | undefined
}

/** What a new object meant for its record. `same` and `stale` need no look at the pod. */
export type Noted = 'changed' | 'same' | 'stale'

/** The records of one node. */
export class PodRecords implements Iterable<PodRecord> {
  /** Pods that were admitted and have not ended, for the admission of others. */
  readonly admitted: AdmittedPods = new AdmittedPods()
  readonly #options: PodRecordsOptions
  readonly #byUid = new Map<string, PodRecord>()
  readonly #byName = new Map<string, Set<PodRecord>>()
  readonly #phases = new Map<string, number>()

  constructor(options: PodRecordsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#byUid.size
  }

  [Symbol.iterator](): Iterator<PodRecord> {
    return this.#byUid.values()
  }

  get(uid: string): PodRecord | undefined {
    return this.#byUid.get(uid)
  }

  /** The record of this pod, made now when there is none. */
  ensure(ref: PodRef): PodRecord {
    const known = this.#byUid.get(ref.uid)
    if (known) return known
    const record = newPodRecord(ref, this.#options.clock.nowMs())
    this.#byUid.set(ref.uid, record)
    const named = this.#byName.get(nameKey(ref))
    if (named) named.add(record)
    else this.#byName.set(nameKey(ref), new Set([record]))
    return record
  }

  /** Drops the record; answers with those of the same name, which may have waited for this. */
  forget(record: PodRecord): readonly PodRecord[] {
    const { ref } = record
    this.#count(record, undefined)
    this.admitted.delete(ref.uid)
    this.#byUid.delete(ref.uid)
    const named = this.#byName.get(nameKey(ref))
    named?.delete(record)
    if (named?.size === 0) this.#byName.delete(nameKey(ref))
    return [...(named ?? [])]
  }

  /** Records of this name, whatever their UID. */
  named(ref: Pick<PodRef, 'namespace' | 'name'>): Iterable<PodRecord> {
    return this.#byName.get(nameKey(ref)) ?? []
  }

  /** May another pod of this name still have something in the backend? */
  hasPredecessor(record: PodRecord): boolean {
    for (const other of this.named(record.ref)) {
      if (other !== record && other.mayExist) return true
    }
    return false
  }

  /** The API has this object. An older one than that known, from a slow watch, is not taken. */
  noteApi(record: PodRecord, pod: Pod): Noted {
    const before = record.api
    const order = before ? compareVersions(pod, before) : 1
    if (order < 0) return 'stale'
    record.api = pod
    record.lastApi = pod
    if (order === 0) {
      // The answer to our own write, come back through the watch: the cached object takes its place
      // everywhere, so that the pod is not held in memory twice.
      this.#replaceHeld(record, pod)
      return 'same'
    }
    record.isGoneConfirmed = false
    this.#noteDeletion(record, before, pod)
    this.#noteSpec(record, before, pod)
    this.#count(record, pod.status?.phase ?? 'Pending')
    this.#replaceHeld(record, pod)
    return 'changed'
  }

  /** The API has no object of this UID any more. */
  noteGone(record: PodRecord): void {
    // A deletion that was under way, or that we asked for, needs no second witness.
    const wasExpected = record.api !== undefined && isDeleting(record.api)
    record.isGoneConfirmed ||= wasExpected
    record.api = undefined
    record.creating?.abort(new Error('The pod is gone'))
    record.retryAtMs = 0
    this.admitted.delete(record.ref.uid)
    this.#count(record, undefined)
  }

  #noteDeletion(record: PodRecord, before: Pod | undefined, pod: Pod): void {
    if (!before || !isDeleting(pod)) return
    const { deletionTimestamp } = pod.metadata
    if (before.metadata.deletionTimestamp === deletionTimestamp) return
    record.deletionSeenMs = this.#options.clock.nowMs()
    record.creating?.abort(new Error('The pod is being deleted'))
    record.retryAtMs = 0
    record.failures = 0
  }

  #replaceHeld(record: PodRecord, pod: Pod): void {
    if (record.verdict?.kind === 'admitted') this.admitted.set(grantedPod(record, pod))
    if (record.accepted && !isDeleting(pod) && !needsUpdate(record.accepted, pod)) {
      record.accepted = pod
    }
  }

  #noteSpec(record: PodRecord, before: Pod | undefined, pod: Pod): void {
    if (isDeleting(pod)) return
    if (!before || !needsUpdate(before, pod)) return
    record.retryAtMs = 0
    record.failures = 0
    if (record.verdict?.kind === 'unsupported') record.verdict = undefined
  }

  #count(record: PodRecord, phase: string | undefined): void {
    const before = record.phaseCounted
    if (before === phase) return
    record.phaseCounted = phase
    if (before !== undefined) this.#add(before, -1)
    if (phase !== undefined) this.#add(phase, 1)
  }

  #add(phase: string, change: number): void {
    const count = (this.#phases.get(phase) ?? 0) + change
    this.#phases.set(phase, count)
    this.#options.metrics?.pods.set({ node: this.#options.nodeName, phase }, count)
  }
}

function nameKey({ namespace, name }: Pick<PodRef, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`
}
