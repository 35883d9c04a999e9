// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { podStrategy } from './pod-strategy.ts'

const pod = (spec: Readonly<Record<string, unknown>>, phase = 'Running') => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'a', namespace: 'default' },
  spec,
  status: { phase },
})
const bound = { nodeName: 'n', terminationGracePeriodSeconds: 30 }

test('a running pod has the time to stop that its spec says, or that the request says', () => {
  assert.equal(podStrategy.gracePeriodSeconds?.(pod(bound), undefined), 30)
  assert.equal(podStrategy.gracePeriodSeconds?.(pod(bound), 5), 5)
})

test('a pod with no node, and one that is over, go at once', () => {
  assert.equal(podStrategy.gracePeriodSeconds?.(pod({ ...bound, nodeName: '' }), 5), 0)
  assert.equal(podStrategy.gracePeriodSeconds?.(pod(bound, 'Succeeded'), 5), 0)
  assert.equal(podStrategy.gracePeriodSeconds?.(pod(bound, 'Failed'), undefined), 0)
})

test('a negative time to stop is one second', () => {
  assert.equal(podStrategy.gracePeriodSeconds?.(pod(bound), -3), 1)
})
