// SPDX-License-Identifier: Apache-2.0
// Random lives of a StatefulSet, decided and carried out in a model: pods start, break, end and vanish
// at will. Whatever happens, the order holds, and calm weather leads to what is wanted.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { readyStatus, templateFor } from '../../../../test/support/workload-objects.ts'
import type { Pod, StatefulSet } from '../../../kube/types.gen.ts'
import { isPodActive, isPodReady } from '../workload/pod-facts.ts'
import { decideStatefulSet } from './decide-statefulset.ts'
import type { StatefulSetStep, StatefulSetView } from './decide-statefulset.ts'
import { ordinalOf, podNameOf, revisionOfPod } from './stateful-identity.ts'

const nowMs = Date.UTC(2026, 0, 1)

type Event = { readonly ordinal: number; readonly to: 'ready' | 'broken' | 'ended' | 'gone' }

const shape = fc.record({
  replicas: fc.nat(5),
  podManagementPolicy: fc.constantFrom('OrderedReady', 'Parallel'),
  partition: fc.nat(5),
  existing: fc.uniqueArray(fc.nat(7), { maxLength: 8 }),
})
const event: fc.Arbitrary<Event> = fc.record({
  ordinal: fc.nat(7),
  to: fc.constantFrom('ready', 'broken', 'ended', 'gone'),
})

type Shape = typeof shape extends fc.Arbitrary<infer T> ? T : never

function setOf({ replicas, podManagementPolicy, partition }: Shape): StatefulSet {
  return {
    metadata: { name: 'db', namespace: 'default', uid: 'set' },
    spec: {
      replicas,
      podManagementPolicy,
      selector: {},
      template: templateFor('db'),
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition } },
    },
  }
}

class Model {
  readonly #set: StatefulSet
  readonly #pods = new Map<number, Pod>()

  constructor(set: StatefulSet, existing: readonly number[]) {
    this.#set = set
    for (const ordinal of existing) this.#put(ordinal, 'old')
    this.calm()
  }

  get view(): StatefulSetView {
    const pods = [...this.#pods.values()]
    return { set: this.#set, pods, currentRevision: 'old', updateRevision: 'new', nowMs }
  }

  #put(ordinal: number, revision: string): void {
    const name = podNameOf(this.#set, ordinal)
    this.#pods.set(ordinal, {
      metadata: {
        name,
        namespace: 'default',
        uid: `${name}-${revision}`,
        labels: { 'controller-revision-hash': revision },
      },
      spec: { containers: [] },
      status: { phase: 'Pending' },
    })
  }

  happen({ ordinal, to }: Event): void {
    const pod = this.#pods.get(ordinal)
    if (!pod) return
    if (to === 'gone') this.#pods.delete(ordinal)
    else if (to === 'ended') this.#pods.set(ordinal, { ...pod, status: { phase: 'Failed' } })
    else if (pod.status?.phase !== 'Failed') {
      const status = to === 'ready' ? readyStatus(nowMs) : { phase: 'Running' }
      this.#pods.set(ordinal, { ...pod, status })
    }
  }

  take(step: StatefulSetStep): void {
    if (step.do === 'create') {
      assert.ok(!this.#pods.has(step.ordinal), 'a name is used once')
      this.#put(step.ordinal, step.revisionName)
    } else if (step.do === 'delete') {
      const ordinal = ordinalOf(this.#set, step.pod.metadata.name)!
      const metadata = { ...step.pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' }
      this.#pods.set(ordinal, { ...step.pod, metadata })
    }
  }

  /** All that is ending ends, all that starts becomes ready. */
  calm(): void {
    for (const [ordinal, pod] of this.#pods) {
      if (pod.metadata.deletionTimestamp !== undefined) this.#pods.delete(ordinal)
      else if (isPodActive(pod)) this.#pods.set(ordinal, { ...pod, status: readyStatus(nowMs) })
    }
  }
}

function check(view: StatefulSetView, steps: readonly StatefulSetStep[]): void {
  const { set, pods } = view
  const changes = steps.filter((step) => step.do === 'create' || step.do === 'delete')
  for (const step of changes) if (step.do === 'delete') checkDelete(view, step.pod)
  if (set.spec.podManagementPolicy === 'Parallel') return
  assert.ok(changes.length <= 1, 'one change at a time')
  const [change] = changes
  if (change?.do !== 'create') return
  for (let below = 0; below < change.ordinal; below += 1) {
    const pod = pods.find(({ metadata }) => metadata.name === podNameOf(set, below))
    assert.ok(pod && isPodActive(pod) && isPodReady(pod), 'predecessors are ready')
  }
}

/** A healthy pod that is wanted goes for an update only, when those above it have come through theirs. */
function checkDelete({ set, pods }: StatefulSetView, { metadata, status }: Pod): void {
  const { replicas = 1 } = set.spec
  const ordinal = ordinalOf(set, metadata.name)!
  if (ordinal >= replicas || status?.phase === 'Failed') return
  for (let above = ordinal + 1; above < replicas; above += 1) {
    const pod = pods.find((one) => one.metadata.name === podNameOf(set, above))
    assert.ok(pod && isPodActive(pod) && isPodReady(pod), 'updates go one at a time')
    assert.equal(revisionOfPod(pod), 'new')
  }
}

test('the order holds, and in calm weather the set becomes what is wanted', () => {
  fc.assert(
    fc.property(shape, fc.array(event, { maxLength: 40 }), (given, events) => {
      const set = setOf(given)
      const model = new Model(set, given.existing)
      const pass = (): number => {
        const steps = decideStatefulSet(model.view)
        check(model.view, steps)
        for (const step of steps) model.take(step)
        return steps.length
      }
      for (const one of events) {
        model.happen(one)
        pass()
      }
      for (let round = 0; round < 60; round += 1) {
        pass()
        model.calm()
      }
      const { pods } = model.view
      const ordinals = pods.map(({ metadata }) => ordinalOf(set, metadata.name))
      assert.deepEqual(new Set(ordinals), new Set(Array(given.replicas).keys()))
      for (const pod of pods) {
        const isUpdated = ordinalOf(set, pod.metadata.name)! >= given.partition
        if (isUpdated) assert.equal(revisionOfPod(pod), 'new')
        else assert.equal(revisionOfPod(pod), 'old')
      }
    }),
  )
})
