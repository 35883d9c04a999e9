// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { buildPod } from '../../../../test/support/build-pod.ts'
import type { Pod, PodDisruptionBudget } from '../../../kube/types.gen.ts'
import { budgetStatus, scaledValue } from './budget-status.ts'

const nowMs = Date.parse('2026-01-01T00:00:00Z')

function budgetOf(
  spec: PodDisruptionBudget['spec'],
  status?: PodDisruptionBudget['status'],
): PodDisruptionBudget {
  const metadata = { name: 'b', namespace: 'ns', uid: 'u', generation: 3 }
  return { metadata, ...(spec && { spec }), ...(status && { status }) }
}

const pod = (name: string, isReady = true, metadata: Partial<Pod['metadata']> = {}): Pod =>
  buildPod({
    metadata: { name, ...metadata },
    status: { conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }] },
  })
const some = (count: number) => Array.from({ length: count }, (_, index) => pod(`p${index}`))

function numbers(spec: PodDisruptionBudget['spec'], pods: readonly Pod[], expectedScale = 0) {
  const { status } = budgetStatus({ budget: budgetOf(spec), pods, expectedScale, nowMs })
  return [
    status.currentHealthy,
    status.desiredHealthy,
    status.expectedPods,
    status.disruptionsAllowed,
  ]
}

describe('budgetStatus', () => {
  it('counts by number and by share', () => {
    assert.deepEqual(numbers({ minAvailable: 2 }, some(3)), [3, 2, 3, 1])
    assert.deepEqual(numbers({ minAvailable: '50%' }, some(3), 5), [3, 3, 5, 0])
    assert.deepEqual(numbers({ maxUnavailable: 1 }, some(3), 3), [3, 2, 3, 1])
    assert.deepEqual(numbers({ maxUnavailable: '34%' }, some(3), 3), [3, 1, 3, 2])
    assert.deepEqual(numbers({ minAvailable: 0 }, []), [0, 0, 0, 0])
  })

  it('does not count pods that are not ready, ending, or about to be evicted', () => {
    const deletionTimestamp = '2026-01-01T00:00:00Z'
    const pods = [pod('a'), pod('b', false), pod('c', true, { deletionTimestamp }), pod('d')]
    const disruptedPods = { d: '2025-12-31T23:59:00Z', gone: '2025-12-31T23:59:00Z' }
    const none = { currentHealthy: 0, desiredHealthy: 0, expectedPods: 0, disruptionsAllowed: 0 }
    const budget = budgetOf({ minAvailable: 1 }, { ...none, disruptedPods })
    const { status, recheckInMs } = budgetStatus({ budget, pods, expectedScale: 0, nowMs })
    assert.equal(status.currentHealthy, 1)
    assert.deepEqual(status.disruptedPods, { d: '2025-12-31T23:59:00Z' })
    assert.equal(recheckInMs, 60_000)
    const later = budgetStatus({ budget, pods, expectedScale: 0, nowMs: nowMs + 61_000 })
    assert.equal(later.status.currentHealthy, 2)
    assert.equal(later.status.disruptedPods, undefined)
  })

  it('says in a condition whether anything may go', () => {
    const conditionOf = (minAvailable: number) =>
      budgetStatus({ budget: budgetOf({ minAvailable }), pods: some(2), expectedScale: 0, nowMs })
        .status.conditions?.[0]
    assert.deepEqual(conditionOf(1), {
      type: 'DisruptionAllowed',
      status: 'True',
      reason: 'SufficientPods',
      message: '',
      lastTransitionTime: '2026-01-01T00:00:00Z',
      observedGeneration: 3,
    })
    assert.equal(conditionOf(2)?.reason, 'InsufficientPods')
  })

  it('never allows more than what leaves enough, and comes to rest', () => {
    const share = fc.oneof(
      fc.nat(10),
      fc.nat(100).map((percent) => `${percent}%`),
    )
    const spec = fc.oneof(
      share.map((minAvailable) => ({ minAvailable })),
      share.map((maxUnavailable) => ({ maxUnavailable })),
    )
    fc.assert(
      fc.property(spec, fc.nat(8), fc.nat(12), (given, count, expectedScale) => {
        const input = { pods: some(count), expectedScale, nowMs }
        const { status } = budgetStatus({ ...input, budget: budgetOf(given) })
        const { currentHealthy = 0, desiredHealthy = 0, disruptionsAllowed = 0 } = status
        assert.ok(disruptionsAllowed >= 0)
        if (disruptionsAllowed > 0) assert.ok(currentHealthy - disruptionsAllowed >= desiredHealthy)
        const again = budgetStatus({
          ...input,
          budget: budgetOf(given, status),
          nowMs: nowMs + 1000,
        })
        assert.deepEqual(again.status, status)
      }),
    )
  })

  it('rounds shares up', () => {
    assert.equal(scaledValue('1%', 3), 1)
    assert.equal(scaledValue('100%', 3), 3)
    assert.equal(scaledValue(7, 3), 7)
  })
})
