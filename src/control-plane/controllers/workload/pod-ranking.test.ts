// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Pod } from '../../../kube/types.gen.ts'
import { byDeletionPreference } from './pod-ranking.ts'
import { wireTime } from '../../../util/wire-time.ts'

const nowMs = Date.UTC(2026, 0, 1)

interface Traits {
  readonly node?: string
  readonly phase?: string
  readonly readyForSeconds?: number
  readonly cost?: string
  readonly restarts?: number
  readonly ageSeconds?: number
}

function pod(name: string, traits: Traits = {}): Pod {
  const {
    node = 'n',
    phase = 'Running',
    readyForSeconds,
    cost,
    restarts = 0,
    ageSeconds = 60,
  } = traits
  return {
    metadata: {
      name,
      namespace: 'default',
      uid: name,
      creationTimestamp: wireTime(nowMs - ageSeconds * 1000),
      ...(cost !== undefined && {
        annotations: { 'controller.kubernetes.io/pod-deletion-cost': cost },
      }),
    },
    spec: { containers: [], ...(node !== '' && { nodeName: node }) },
    status: {
      phase,
      ...(readyForSeconds !== undefined && {
        conditions: [
          {
            type: 'Ready',
            status: 'True',
            lastTransitionTime: wireTime(nowMs - readyForSeconds * 1000),
          },
        ],
      }),
      containerStatuses: [
        { name: 'c', image: '', imageID: '', ready: true, restartCount: restarts },
      ],
    },
  }
}

function order(pods: readonly Pod[], related: readonly Pod[] = []): string[] {
  return byDeletionPreference(pods, { nowMs, related, isByMagnitude: true }).map(
    ({ metadata }) => metadata.name,
  )
}

test('each rule decides before the ones after it', () => {
  const weakest = { readyForSeconds: 10_000, cost: '5', restarts: 0, ageSeconds: 20_000 }
  const cases: readonly (readonly [string, Traits, Traits])[] = [
    ['unassigned before assigned', { ...weakest, node: '' }, { phase: 'Pending' }],
    ['pending before running', { ...weakest, phase: 'Pending' }, { cost: '-1' }],
    ['unknown before running', { ...weakest, phase: 'Unknown' }, { cost: '-1' }],
    ['not ready before ready', { cost: '100' }, { ...weakest, cost: '-1' }],
    ['cheap before dear', { ...weakest, cost: '-10' }, { readyForSeconds: 1, cost: '0' }],
    [
      'shortly ready before long ready',
      { readyForSeconds: 2, ageSeconds: 90_000 },
      { readyForSeconds: 5_000, restarts: 7 },
    ],
    [
      'often restarted before never restarted',
      { readyForSeconds: 9, restarts: 3, ageSeconds: 90_000 },
      { readyForSeconds: 9, ageSeconds: 10 },
    ],
    ['young before old', { ageSeconds: 3 }, { ageSeconds: 90_000 }],
  ]
  for (const [rule, first, second] of cases) {
    assert.deepEqual(order([pod('b', second), pod('a', first)]), ['a', 'b'], rule)
  }
})

test('of a set, a pod that shares its node goes before one that is alone', () => {
  const shared = [pod('x', { node: 'n1' }), pod('y', { node: 'n1' })]
  const alone = pod('a', { node: 'n2', restarts: 9 })
  assert.equal(order([alone, ...shared], [alone, ...shared]).at(-1), 'a')
})

test('ages of the same order of magnitude are told apart by uid, not by seconds', () => {
  assert.deepEqual(order([pod('b', { ageSeconds: 100 }), pod('a', { ageSeconds: 101 })]), [
    'a',
    'b',
  ])
})

test('a cost that is no integer counts as none', () => {
  const pods = [pod('a', { cost: '1e3', ageSeconds: 90_000 }), pod('b', { ageSeconds: 10 })]
  assert.deepEqual(order(pods), ['b', 'a'])
})

test('the order is total: it does not depend on where the pods stood', () => {
  const traits = fc.record(
    {
      node: fc.constantFrom('', 'n1', 'n2'),
      phase: fc.constantFrom('Pending', 'Running', 'Unknown'),
      readyForSeconds: fc.constantFrom(1, 2, 100, 5_000),
      cost: fc.constantFrom('-1', '0', '7'),
      restarts: fc.nat(2),
      ageSeconds: fc.constantFrom(1, 2, 100, 5_000),
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(fc.array(traits, { maxLength: 12 }), fc.integer(), (all, seed) => {
      const pods = all.map((one, index) => pod(`p${index}`, one))
      const turned = pods.toSorted(
        (a, b) => hash(a.metadata.name, seed) - hash(b.metadata.name, seed),
      )
      // Pods whose traits are the same may stand in either order.
      const key = (name: string): string => {
        const { node = 'n', phase = 'Running', cost = '0', ...rest } = all[Number(name.slice(1))]!
        const { restarts = 0, ageSeconds = 60, readyForSeconds = null } = rest
        const shared = all.filter((one) => (one.node ?? 'n') === node).length
        const isAssigned = node !== ''
        return JSON.stringify([
          isAssigned,
          phase,
          readyForSeconds,
          cost,
          shared,
          restarts,
          ageSeconds,
        ])
      }
      assert.deepEqual(order(pods, pods).map(key), order(turned, pods).map(key))
    }),
  )
})

function hash(name: string, seed: number): number {
  return Math.imul(Number(name.slice(1)) + 1, seed | 1) % 1000
}
