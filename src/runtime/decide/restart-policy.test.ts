// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import { afterExit, afterInitExit } from './restart-policy.ts'

const plain = buildContainer()

test('the pod policy decides, Always where none is given', () => {
  for (const [restartPolicy, onSuccess, onFailure] of [
    ['Always', 'restart', 'restart'],
    ['OnFailure', 'stop', 'restart'],
    ['Never', 'stop', 'stop'],
  ] as const) {
    const pod = buildPod({ spec: { restartPolicy } })
    assert.equal(afterExit(pod, plain, 0), onSuccess)
    assert.equal(afterExit(pod, plain, 1), onFailure)
  }
  assert.equal(afterExit(buildPod(), plain, 0), 'restart')
})

test('a container overrides its pod, and its first matching rule overrides both', () => {
  const pod = buildPod({ spec: { restartPolicy: 'Always' } })
  const container = buildContainer({
    restartPolicy: 'Never',
    restartPolicyRules: [
      { action: 'Restart', exitCodes: { operator: 'In', values: [42] } },
      { action: 'RestartAllContainers', exitCodes: { operator: 'NotIn', values: [0, 1] } },
    ],
  })
  assert.equal(afterExit(pod, container, 42), 'restart')
  assert.equal(afterExit(pod, container, 43), 'restartAll')
  assert.equal(afterExit(pod, container, 1), 'stop')
})

test('an init container that succeeded is done, a sidecar never is', () => {
  const pod = buildPod({ spec: { restartPolicy: 'Always' } })
  assert.equal(afterInitExit(pod, plain, 0), 'stop')
  assert.equal(afterInitExit(pod, plain, 1), 'restart')
  const never = buildPod({ spec: { restartPolicy: 'Never' } })
  assert.equal(afterInitExit(never, plain, 1), 'stop')
  assert.equal(afterInitExit(never, buildContainer({ restartPolicy: 'Always' }), 0), 'restart')
})
