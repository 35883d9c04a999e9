// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { scaleOf, selectorText, validateScale, withScale } from './scale.ts'

const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    name: 'web',
    namespace: 'default',
    uid: 'u',
    resourceVersion: '7',
    labels: { a: 'b' },
  },
  spec: { replicas: 3, paused: true, selector: { matchLabels: { app: 'web' } } },
  status: { replicas: 2 },
}

test('the scale of a workload shows wanted and present replicas and the selector as text', () => {
  assert.deepEqual(scaleOf(deployment), {
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name: 'web', namespace: 'default', uid: 'u', resourceVersion: '7' },
    spec: { replicas: 3 },
    status: { replicas: 2, selector: 'app=web' },
  })
})

test('a scale changes the replicas alone and brings its resourceVersion', () => {
  const scale = { ...scaleOf(deployment), spec: { replicas: 5 } }
  const old = { ...deployment, metadata: { ...deployment.metadata, resourceVersion: '6' } }
  assert.deepEqual(withScale(old, scale), {
    ...deployment,
    spec: { ...deployment.spec, replicas: 5 },
  })
})

test('a scale below zero is refused', () => {
  const faults = validateScale({ ...scaleOf(deployment), spec: { replicas: -1 } })
  assert.equal(faults.length, 1)
})

test('a selector of expressions reads as a query, sorted by key', () => {
  const text = selectorText({
    matchLabels: { m: '1' },
    matchExpressions: [
      { key: 'z', operator: 'Exists' },
      { key: 'b', operator: 'In', values: ['y', 'x'] },
      { key: 'c', operator: 'NotIn', values: ['w'] },
      { key: 'a', operator: 'DoesNotExist' },
    ],
  })
  assert.equal(text, '!a,b in (x,y),c notin (w),m=1,z')
})
