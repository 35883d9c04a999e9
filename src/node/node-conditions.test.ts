// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conditionEvents, desiredConditions } from './node-conditions.ts'

test('reports a healthy node in the kubelet words, Ready last', () => {
  assert.deepEqual(
    desiredConditions({ obstacles: [] }).map((c) => [c.type, c.status, c.reason, c.message]),
    [
      [
        'MemoryPressure',
        'False',
        'KubeletHasSufficientMemory',
        'kubelet has sufficient memory available',
      ],
      ['DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
      ['PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
      ['Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'],
    ],
  )
})

test('joins what keeps a node from being ready', () => {
  const ready = desiredConditions({ obstacles: ['one', 'two'] }).at(-1)
  assert.deepEqual(ready, {
    type: 'Ready',
    status: 'False',
    reason: 'KubeletNotReady',
    message: 'one; two',
  })
})

test('says why a node goes down, whatever else is wrong', () => {
  const shutdown = { reason: 'KubeletNotReady', message: 'node is shutting down' }
  const ready = desiredConditions({ obstacles: ['one'], shutdown }).at(-1)
  assert.deepEqual(ready, { type: 'Ready', status: 'False', ...shutdown })
})

test('takes conditions of the backend in place of ours, with its Ready only while we are ready', () => {
  const described = [
    { type: 'Ready', status: 'False', reason: 'QuotaGone', message: 'no quota' },
    { type: 'DiskPressure', status: 'True' },
    { type: 'GpuOk', status: 'True', reason: 'Fine', message: '' },
  ]
  const conditions = desiredConditions({ obstacles: [], described })
  assert.deepEqual(
    conditions.map(({ type, status }) => `${type}=${status}`),
    ['MemoryPressure=False', 'DiskPressure=True', 'PIDPressure=False', 'GpuOk=True', 'Ready=False'],
  )
  assert.equal(conditions.at(-1)?.reason, 'QuotaGone')
  assert.equal(desiredConditions({ obstacles: ['x'], described }).at(-1)?.message, 'x')
})

test('tells of Ready at first, then of each condition that turns', () => {
  const healthy = desiredConditions({ obstacles: [] })
  const sick = desiredConditions({
    obstacles: ['gone'],
    described: [{ type: 'MemoryPressure', status: 'True' }],
  })
  const reasons = (before: typeof healthy | undefined, after: typeof healthy) =>
    conditionEvents('n', { before, after }).map((event) => event.reason)
  assert.deepEqual(reasons(undefined, healthy), ['NodeReady'])
  assert.deepEqual(reasons(healthy, healthy), [])
  assert.deepEqual(reasons(healthy, sick), ['NodeHasInsufficientMemory', 'NodeNotReady'])
  assert.deepEqual(reasons(sick, healthy), ['NodeHasSufficientMemory', 'NodeReady'])
  const [event] = conditionEvents('n', { before: undefined, after: sick })
  assert.equal(event?.message, 'Node n status is now: NodeNotReady')
})
