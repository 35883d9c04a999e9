// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { buildNode, buildRequest } from '../../../../test/support/scheduling.ts'
import type { Pod, PodDisruptionBudget } from '../../../kube/types.gen.ts'
import { ClusterRooms } from './cluster-rooms.ts'
import { decidePlacement } from './decide-placement.ts'
import { podFacts } from './pod-facts.ts'
import { findPreemption } from './preemption.ts'

function preempt(
  pod: Pod,
  placed: Readonly<Record<string, readonly Pod[]>>,
  budgets: readonly PodDisruptionBudget[] = [],
) {
  const rooms = new ClusterRooms()
  for (const [nodeName, pods] of Object.entries(placed)) {
    rooms.setNode(buildNode(nodeName, { room: { cpu: '4' } }))
    for (const one of pods) rooms.place(podFacts(one), nodeName)
  }
  const facts = podFacts(pod)
  const placement = decidePlacement(facts, rooms)
  assert.ok(placement.nodeName === undefined)
  const before = rooms.rooms.map(({ pods }) => [...pods.keys()].sort())
  const preemption = findPreemption(facts, placement, { rooms, budgets })
  const after = rooms.rooms.map(({ pods }) => [...pods.keys()].sort())
  assert.deepEqual(after, before)
  return preemption.nodeName === undefined
    ? preemption.why
    : { on: preemption.nodeName, victims: preemption.victims.map(({ name }) => name) }
}

const weighing = (name: string, cpu: string, priority: number, labels = {}) =>
  buildRequest(name, { cpu }, { metadata: { labels }, spec: { priority } })

describe('findPreemption', () => {
  it('sends away only what has to go, the least important first', () => {
    const one = [weighing('low', '2', 1), weighing('lower', '1', 0), weighing('high', '1', 9)]
    assert.deepEqual(preempt(weighing('p', '1', 10), { one }), { on: 'one', victims: ['lower'] })
    assert.deepEqual(preempt(weighing('p', '2', 10), { one }), { on: 'one', victims: ['low'] })
  })

  it('leaves pods of the same priority alone', () => {
    const why = preempt(weighing('p', '2', 5), { one: [weighing('same', '4', 5)] })
    assert.deepEqual(why, {
      reasons: new Map([['one', ['No preemption victims found for incoming pod']]]),
    })
  })

  it('chooses the node whose victims matter least', () => {
    const placed = { one: [weighing('a', '4', 3)], two: [weighing('b', '4', 2)] }
    assert.deepEqual(preempt(weighing('p', '2', 5), placed), { on: 'two', victims: ['b'] })
  })

  it('spares what a disruption budget protects', () => {
    const labels = { app: 'db' }
    const budget: PodDisruptionBudget = {
      metadata: { name: 'b', namespace: 'ns', uid: 'u' },
      spec: { selector: { matchLabels: labels } },
      status: { disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 },
    }
    const placed = { one: [weighing('a', '4', 1, labels)], two: [weighing('b', '4', 3)] }
    assert.deepEqual(preempt(weighing('p', '2', 5), placed, [budget]), {
      on: 'two',
      victims: ['b'],
    })
  })

  it('does nothing for a pod that must not preempt', () => {
    const pod = buildRequest(
      'p',
      { cpu: '2' },
      {
        spec: { priority: 5, preemptionPolicy: 'Never' },
      },
    )
    assert.deepEqual(preempt(pod, { one: [weighing('a', '4', 1)] }), {
      sentence: 'not eligible due to preemptionPolicy=Never.',
    })
  })
})
