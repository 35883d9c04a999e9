// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { templateFor } from '../../../../test/support/workload-objects.ts'
import type { Deployment, ReplicaSet } from '../../../kube/types.gen.ts'
import { replicasOf } from './deployment-view.ts'
import { planScale } from './plan-scale.ts'

function deploymentOf(replicas: number, maxSurge = 0): Deployment {
  return {
    metadata: { name: 'web', namespace: 'default', uid: 'd' },
    spec: {
      replicas,
      selector: {},
      template: templateFor('web'),
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable: 1 } },
    },
  }
}

function setOf(name: string, replicas: number, maxBefore: number): ReplicaSet {
  return {
    metadata: {
      name,
      namespace: 'default',
      uid: name,
      annotations: { 'deployment.kubernetes.io/max-replicas': `${maxBefore}` },
    },
    spec: { replicas, selector: {} },
  }
}

function sizesOf(replicas: number, sizes: readonly number[], maxBefore: number): number[] {
  const [first = 0, ...others] = sizes
  const current = setOf('new', first, maxBefore)
  const old = others.map((size, index) => setOf(`old-${index}`, size, maxBefore))
  const planned = planScale({ deployment: deploymentOf(replicas), current, old })
  return [current, ...old].map((one) => planned.get(one) ?? replicasOf(one))
}

test('shares are proportional, and the largest takes what rounding leaves', () => {
  assert.deepEqual(sizesOf(20, [5, 5], 10), [10, 10])
  assert.deepEqual(sizesOf(5, [8, 2], 10), [4, 1])
  assert.deepEqual(sizesOf(0, [8, 2], 10), [0, 0])
  assert.deepEqual(sizesOf(11, [3, 3, 4], 10), [3, 3, 5])
})

test('a single ReplicaSet with pods takes the whole size', () => {
  assert.deepEqual(sizesOf(7, [0, 3], 3), [0, 7])
  assert.deepEqual(sizesOf(7, [0, 0], 3), [7, 0])
})

test('the sizes add up to what is wanted', () => {
  const size = fc.integer({ min: 1, max: 50 })
  fc.assert(
    fc.property(fc.nat(200), fc.array(size, { minLength: 2, maxLength: 5 }), (replicas, sizes) => {
      const before = sizes.reduce((total, one) => total + one, 0)
      const after = sizesOf(replicas, sizes, before)
      assert.ok(after.every((one) => one >= 0))
      const total = after.reduce((sum, one) => sum + one, 0)
      // Rounding may ask more of the largest than it has; the rollout's next steps see to the rest.
      const isExhausted = total > replicas && after.includes(0)
      assert.ok(total === replicas || isExhausted, `${after.join(' + ')} is not ${replicas}`)
    }),
  )
})
