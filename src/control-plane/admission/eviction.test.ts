// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod, PodDisruptionBudget } from '../../kube/types.gen.ts'
import type { StatusError } from '../objects/api-status.ts'
import { decideEviction } from './eviction.ts'

const ready = [{ type: 'Ready', status: 'True' }]
const server = { uid: '', resourceVersion: '', creationTimestamp: '', namespace: 'default' }
const nowMs = Date.UTC(2026, 0, 1)

function pod(status: object, metadata: object = {}): Pod {
  return { metadata: { ...server, name: 'web', ...metadata }, status } as Pod
}

function budget(status: object, spec: object = {}, generation = 1): PodDisruptionBudget {
  const metadata = { ...server, name: 'b', generation }
  return { metadata, spec, status: { observedGeneration: 1, ...status } }
}

const running = pod({ phase: 'Running', conditions: ready })
const full = { currentHealthy: 2, desiredHealthy: 2, disruptionsAllowed: 0 }

test('lets a pod go that no budget protects', () => {
  assert.equal(decideEviction(running, [], nowMs).budget, undefined)
})

test('asks no budget about pods that have ended, have not begun, or are going', () => {
  for (const phase of ['Succeeded', 'Failed', 'Pending']) {
    const decision = decideEviction(pod({ phase }), [budget(full)], nowMs)
    assert.equal(decision.budget, undefined)
    assert.equal(decision.requiresSameVersion, phase === 'Pending')
  }
  const going = pod({ phase: 'Running' }, { deletionTimestamp: '2026-01-01T00:00:00Z' })
  assert.equal(decideEviction(going, [budget(full)], nowMs).budget, undefined)
})

test('takes one of the disruptions that are allowed', () => {
  const given = budget({ disruptionsAllowed: 2, disruptedPods: { old: '2026-01-01T00:00:00Z' } })
  const { budgetStatus } = decideEviction(running, [given], nowMs)
  assert.deepEqual(budgetStatus, {
    observedGeneration: 1,
    disruptionsAllowed: 1,
    disruptedPods: { old: '2026-01-01T00:00:00Z', web: '2026-01-01T00:00:00Z' },
  })
  const last = decideEviction(running, [budget({ disruptionsAllowed: 1 })], nowMs).budgetStatus
  assert.equal(last?.disruptionsAllowed, 0)
  assert.deepEqual(
    last?.conditions?.map(({ reason, status, type }) => [type, status, reason]),
    [['DisruptionAllowed', 'False', 'InsufficientPods']],
  )
})

const sorry = "Cannot evict pod as it would violate the pod's disruption budget."
const failing = (reason: string) => ({
  ...full,
  currentHealthy: 3,
  conditions: [{ type: 'DisruptionAllowed', status: 'False', reason, message: 'why' }],
})
const refusals: readonly (readonly [PodDisruptionBudget, string])[] = [
  [budget(full), 'The disruption budget b needs 2 healthy pods and has 2 currently'],
  [budget(full, {}, 2), 'The disruption budget b is still being processed by the server.'],
  [
    budget(failing('SyncFailed')),
    'The disruption budget b does not allow evicting pods currently because it failed sync: why',
  ],
  [
    budget(failing('Other')),
    'The disruption budget b does not allow evicting pods currently (Other): why',
  ],
  [
    budget({ ...full, currentHealthy: 3 }),
    'The disruption budget b does not allow evicting pods currently',
  ],
]

test('refuses with the reason that kubectl drain shows', () => {
  for (const [given, why] of refusals) {
    assert.throws(
      () => decideEviction(running, [given], nowMs),
      ({ code, message, status }: StatusError) => {
        assert.deepEqual([code, message], [429, sorry])
        const causes = [{ reason: 'DisruptionBudget', message: why }]
        assert.deepEqual(status.details?.causes, causes)
        return true
      },
    )
  }
})

test('lets unready pods go when the budget says so or holds without them', () => {
  const unready = pod({ phase: 'Running' })
  const always = budget(full, { unhealthyPodEvictionPolicy: 'AlwaysAllow' })
  for (const given of [always, budget(full)]) {
    const decision = decideEviction(unready, [given], nowMs)
    assert.deepEqual([decision.budget, decision.requiresSameVersion], [undefined, true])
  }
  const low = budget({ ...full, currentHealthy: 1 })
  assert.throws(() => decideEviction(unready, [low], nowMs), { code: 429 })
})

test('cannot choose between budgets', () => {
  const both = [budget({ disruptionsAllowed: 1 }), budget({ disruptionsAllowed: 1 })]
  assert.throws(() => decideEviction(running, both, nowMs), { code: 500 })
})
