// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UserError } from '../util/vk-error.ts'
import { checkLabels, isSettableLabel } from './node-labels.ts'

test('lets a node set what the API server lets a node identity set', () => {
  const allowed = [
    'type',
    'example.com/team',
    'kubernetes.io/hostname',
    'beta.kubernetes.io/instance-type',
    'topology.kubernetes.io/zone',
    'failure-domain.beta.kubernetes.io/region',
    'node.kubernetes.io/anything',
    'gpu.node.kubernetes.io/x',
    'kubelet.kubernetes.io/x',
    'a.kubelet.kubernetes.io/x',
    'notkubernetes.io/x',
    'kubernetes.io.example.com/x',
  ]
  for (const key of allowed) assert.equal(isSettableLabel(key), true, key)
})

test('refuses the labels that NodeRestriction keeps for others', () => {
  const refused = [
    'kubernetes.io/role',
    'node-role.kubernetes.io/agent',
    'node-restriction.kubernetes.io/pci',
    'a.node-restriction.kubernetes.io/pci',
    'k8s.io/x',
    'x.k8s.io/y',
    'topology.kubernetes.io/rack',
    'mynode.kubernetes.io/x',
  ]
  for (const key of refused) {
    assert.equal(isSettableLabel(key), false, key)
    assert.throws(
      () => checkLabels({ [key]: 'x' }),
      (error) => error instanceof UserError && error.message.includes(`"${key}=x"`),
    )
  }
})

test('refuses what is no label at all', () => {
  const wrong = { '': 'x', 'a/b/c': 'x', 'UPPER.example/x': 'x', ok: 'with space', end: 'x-' }
  for (const [key, value] of Object.entries(wrong)) {
    assert.throws(() => checkLabels({ [key]: value }), UserError, `${key}=${value}`)
  }
  checkLabels({ a: '', 'example.com/A_b.c': 'x'.repeat(63) })
  assert.throws(() => checkLabels({ a: 'x'.repeat(64) }), UserError)
})
