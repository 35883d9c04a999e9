// SPDX-License-Identifier: Apache-2.0
// The loop's decisions over random histories: API, backend and process memory are modelled, requests
// fail or lose their replies, the process restarts, news come late or never. Whatever happens, the
// invariants hold at each step; and once the faults stop, everything comes to its right end.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Pod, PodStatus } from '../kube/types.gen.ts'
import { FakeClock } from '../util/fake-clock.ts'
import { observedPod, testPod } from '../../test/support/test-pods.ts'
import { decidePod, isTerminal } from './decide-pod.ts'
import type { PodStep } from './decide-pod.ts'
import { refOf } from './known-pod.ts'
import type { PodRecord } from './known-pod.ts'
import { PodRecords } from './pod-records.ts'
import { wireStatus } from './wire-status.ts'
import { tries } from '../../test/support/test-size.ts'

const nodeName = 'here'

const names = ['a', 'a', 'a', 'b'] as const

const operation = fc.oneof(
  { weight: 3, arbitrary: fc.record({ op: fc.constant('bind'), name: fc.constantFrom(...names) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constantFrom('delete', 'forceDelete', 'finalize', 'foreignFailure'),
      name: fc.constantFrom(...names),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      op: fc.constant('work'),
      name: fc.constantFrom(...names),
      fault: fc.constantFrom('none', 'none', 'none', 'refused', 'lostReply'),
      pick: fc.nat(1),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      op: fc.constantFrom('deliver', 'notify', 'poll', 'backendEnds', 'backendLoses'),
      name: fc.constantFrom(...names),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constantFrom('restart', 'minute') }) },
) as fc.Arbitrary<Operation>

interface Operation {
  readonly op: string
  readonly name?: string
  readonly fault?: Fault
  /** Which of several pods of that name. */
  readonly pick?: number
}

interface Held {
  readonly name: string
  isEnding: boolean
  hasEnded: boolean
}

type Fault = 'none' | 'refused' | 'lostReply'

test('keeps its invariants over random histories, and brings everything to its end', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 100, size: 'max' }), (history) => {
      const model = new Model()
      for (const operation of history) model.apply(operation)
      model.settle()
    }),
    { numRuns: tries(1500, 300), seed: 20260101 },
  )
})

/** API server, backend and one process, each with its own view. */
class Model {
  readonly clock = new FakeClock()
  readonly api = new Map<string, Pod>()
  readonly backend = new Map<string, Held>()
  records: PodRecords = this.#freshRecords()
  #nextUid = 0
  #version = 1
  #nowMs = Date.UTC(2026, 0, 1)

  apply({ op, name = 'a', fault = 'none', pick = 0 }: Operation): void {
    const pod = [...this.api.values()].find(({ metadata }) => metadata.name === name)
    if (op === 'bind' && !pod) this.#bind(name)
    if (op === 'delete' && pod) this.#delete(pod)
    if (op === 'forceDelete' && pod) this.#remove(pod)
    if (op === 'finalize' && pod) this.#store(pod, { ...pod.metadata, finalizers: ['x/y'] })
    if (op === 'foreignFailure' && pod) this.#store(pod, pod.metadata, { phase: 'Failed' })
    if (op === 'minute') this.#nowMs += 61_000
    if (op === 'restart') this.#restart()
    const named = this.#named(name)
    const picked = named[pick % named.length]
    if (op === 'work' && picked) this.#work(picked, fault)
    for (const record of named) {
      if (op === 'deliver') this.#deliver(record.ref.uid)
      if (op === 'notify') this.#notify(record)
      if (op === 'poll') this.#poll(record)
    }
    if (op === 'deliver' && pod) this.#deliver(pod.metadata.uid)
    for (const [uid, held] of this.backend) {
      if (held.name !== name) continue
      if (op === 'backendEnds') held.hasEnded = true
      if (op === 'backendLoses') this.backend.delete(uid)
    }
  }

  settle(): void {
    for (let round = 0; round < 12; round++) {
      this.#nowMs += 61_000
      for (const uid of new Set([...this.api.keys(), ...this.#uids()])) this.#deliver(uid)
      for (const [uid, held] of this.backend) {
        const { name } = held
        held.hasEnded ||= held.isEnding
        this.records.ensure({ namespace: 'default', name, uid })
      }
      for (const record of this.records) {
        this.#notify(record)
        this.#poll(record)
        for (let steps = 0; steps < 12; steps++) this.#work(record, 'none')
      }
    }
    this.#checkEnd()
  }

  #checkEnd(): void {
    for (const pod of this.api.values()) {
      const { finalizers, deletionTimestamp, uid } = pod.metadata
      if (deletionTimestamp) assert.ok(finalizers, 'a deleted pod without finalizer stayed')
      const held = this.backend.get(uid)
      if (deletionTimestamp || isTerminal(pod)) assert.ok(!held || held.hasEnded, 'still runs')
      else assert.equal(held?.hasEnded, false, 'a pod that should run does not')
    }
    for (const uid of this.backend.keys()) assert.ok(this.api.has(uid), 'the backend has a leak')
    for (const uid of this.#uids()) assert.ok(this.api.has(uid), 'a record was never forgotten')
  }

  #work(record: PodRecord, fault: Fault): void {
    if (this.records.get(record.ref.uid) !== record) return
    const step = decidePod(record, {
      nodeName,
      nowMs: this.#nowMs,
      hasPredecessor: this.records.hasPredecessor(record),
      isDraining: false,
    })
    if (fault !== 'none' && step.do !== 'wait' && step.do !== 'forget' && step.do !== 'judge') {
      if (fault === 'lostReply') this.#take(step, record, { isReplyLost: true })
      if (step.do === 'create') record.mayExist = true
      record.retryAtMs = this.#nowMs + 1000
      return
    }
    if (step.do === 'wait') this.#publish(record, fault)
    else this.#take(step, record, { isReplyLost: false })
  }

  #take(
    step: PodStep,
    record: PodRecord,
    { isReplyLost }: { readonly isReplyLost: boolean },
  ): void {
    const { uid, name } = record.ref
    const note = (change: Partial<PodRecord>): void => {
      if (!isReplyLost) Object.assign(record, { retryAtMs: 0, ...change })
    }
    switch (step.do) {
      case 'judge':
        return note({ verdict: { kind: 'admitted' } })
      case 'create':
        this.#create(record)
        return note({ mayExist: true, accepted: record.api })
      case 'update':
        return note({ accepted: record.api })
      case 'giveUp':
        return note({ isLost: true })
      case 'confirmGone': {
        const truth = this.api.get(uid)
        if (isReplyLost) return undefined
        if (truth) this.records.noteApi(record, truth)
        else record.isGoneConfirmed = true
        return undefined
      }
      case 'end': {
        const held = this.backend.get(uid)
        if (held) held.isEnding = true
        return note({ ending: { deadlineMs: step.deadlineMs, calledAtMs: this.#nowMs } })
      }
      case 'cleanUp':
        assert.ok(this.backend.get(uid)?.hasEnded !== false, `cleaned up "${name}" while it runs`)
        this.backend.delete(uid)
        return note({ mayExist: false, isCleanedUp: true })
      case 'deleteFromApi':
        this.#deleteFromApi(uid)
        return note({ apiDeletedAtMs: this.#nowMs })
      case 'forget':
        this.records.forget(record)
        return undefined
      case 'wait':
      case 'ignore':
        return undefined
    }
  }

  #create(record: PodRecord): void {
    const { uid, name } = record.ref
    const { api } = record
    assert.ok(api && api.metadata.uid === uid)
    assert.equal(api.metadata.deletionTimestamp, undefined, 'created a pod that is deleted')
    assert.ok(!isTerminal(api), 'created a pod that has ended')
    for (const [other, held] of this.backend) {
      const isRival = other !== uid && held.name === name && !held.hasEnded
      assert.ok(!isRival, `two live pods named "${name}"`)
    }
    // Create of a known uid adopts.
    if (!this.backend.has(uid)) this.backend.set(uid, { name, isEnding: false, hasEnded: false })
  }

  #deleteFromApi(uid: string): void {
    const pod = this.api.get(uid)
    if (!pod) return
    assert.ok(isTerminal(pod), 'deleted a pod from the API before its terminal phase was there')
    assert.ok(!this.backend.has(uid), 'deleted a pod from the API before it was cleaned up')
    if (!pod.metadata.finalizers) this.#remove(pod)
    else this.#store(pod, { ...pod.metadata, deletionGracePeriodSeconds: 0 })
  }

  #publish(record: PodRecord, fault: Fault): void {
    if (fault === 'refused') return
    const context = { nodeIPs: [], nowMs: this.#nowMs, isDraining: false, problem: undefined }
    const status = wireStatus(record, context)
    const pod = this.api.get(record.ref.uid)
    if (!status || !pod) return
    const isFinal = status.phase === 'Succeeded' || status.phase === 'Failed'
    const held = this.backend.get(record.ref.uid)
    if (isFinal) assert.ok(held?.hasEnded !== false, 'a terminal phase while something runs')
    // The model's writes carry what the process knew; a final phase set meanwhile is not overwritten.
    if (isTerminal(pod)) return
    const stored = this.#store(pod, pod.metadata, { ...pod.status, ...status })
    if (fault === 'none') this.records.noteApi(record, stored)
  }

  #notify(record: PodRecord): void {
    const held = this.backend.get(record.ref.uid)
    if (!held || record.isCleanedUp || (record.observed?.hasEnded && !held.hasEnded)) return
    record.observed = observedPod(record.ref, held)
    record.mayExist = true
  }

  // What PodController does with an answer that lacks the pod, misses left out.
  #poll(record: PodRecord): void {
    if (this.backend.has(record.ref.uid) || !record.mayExist) return
    record.mayExist = false
    if (record.ending || !record.api || record.observed?.hasEnded) return
    record.observed = undefined
    record.accepted = undefined
  }

  #deliver(uid: string): void {
    const pod = this.api.get(uid)
    const record = this.records.get(uid)
    if (pod) this.records.noteApi(record ?? this.records.ensure(refOf(pod)), pod)
    else if (record?.api) this.records.noteGone(record)
  }

  #restart(): void {
    this.records = this.#freshRecords()
    for (const pod of this.api.values()) {
      this.records.noteApi(this.records.ensure(refOf(pod)), pod)
    }
    for (const [uid, { name }] of this.backend) {
      this.#notify(this.records.ensure({ namespace: 'default', name, uid }))
    }
  }

  #freshRecords(): PodRecords {
    return new PodRecords({ nodeName, clock: this.clock })
  }

  #named(name: string): readonly PodRecord[] {
    return [...this.records.named({ namespace: 'default', name })]
  }

  #uids(): readonly string[] {
    return [...this.records].map(({ ref }) => ref.uid)
  }

  #bind(name: string): void {
    const uid = `uid-${this.#nextUid++}`
    this.#store(testPod({ nodeName, name, uid }), undefined)
  }

  #delete(pod: Pod): void {
    if (isTerminal(pod) && !pod.metadata.finalizers) {
      this.#remove(pod)
      return
    }
    this.#store(pod, {
      ...pod.metadata,
      deletionTimestamp: new Date(this.#nowMs + 30_000).toISOString(),
      deletionGracePeriodSeconds: isTerminal(pod) ? 0 : 30,
    })
  }

  #remove({ metadata }: Pod): void {
    this.api.delete(metadata.uid)
  }

  #store(
    pod: Pod,
    metadata: Pod['metadata'] = pod.metadata,
    status: PodStatus | undefined = pod.status,
  ): Pod {
    const stored: Pod = {
      ...pod,
      metadata: { ...metadata, resourceVersion: String(this.#version++) },
      ...(status && { status }),
    }
    this.api.set(pod.metadata.uid, stored)
    return stored
  }
}
