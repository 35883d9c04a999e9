// SPDX-License-Identifier: Apache-2.0
// What the wire shows although nobody set it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { schemaOf } from './schema-of.ts'
import { withWrittenZeros, zeroObject } from './written-zeros.ts'

const pod = schemaOf('v1', 'Pod')
const deployment = schemaOf('apps/v1', 'Deployment')
assert.ok(pod && deployment)

test('an object of which nothing is set has its structs', () => {
  assert.deepEqual(zeroObject(pod), { metadata: {}, spec: { containers: null }, status: {} })
  assert.deepEqual(zeroObject(deployment), {
    metadata: {},
    spec: {
      strategy: {},
      template: { metadata: {}, spec: { containers: null } },
    },
    status: {},
  })
})

test('adds what elements of lists lack, and shares what is complete', () => {
  const object = {
    metadata: {},
    spec: { containers: [{ name: 'a' }] },
    status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: 'x' }] },
  }
  const complete = withWrittenZeros(object, pod)
  assert.deepEqual(complete, {
    metadata: {},
    spec: { containers: [{ name: 'a', resources: {} }] },
    status: {
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: 'x', lastProbeTime: null }],
    },
  })
  assert.equal(complete['metadata'], object.metadata)
  assert.equal(withWrittenZeros(complete, pod), complete)
})
