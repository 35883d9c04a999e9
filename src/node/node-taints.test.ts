// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UserError } from '../util/vk-error.ts'
import { chooseTaints } from './node-taints.ts'

test('taints a node with its provider unless told otherwise', () => {
  assert.deepEqual(chooseTaints({ providerName: 'mock' }), [
    { key: 'virtual-kubelet.io/provider', value: 'mock', effect: 'NoSchedule' },
  ])
})

test('takes key, value and effect as chosen, and leaves out an empty value', () => {
  assert.deepEqual(
    chooseTaints({ providerName: 'mock', key: 'a.io/b', value: '', effect: 'NoExecute' }),
    [{ key: 'a.io/b', effect: 'NoExecute' }],
  )
})

test('adds more taints, also when the own one is disabled; the later of two alike wins', () => {
  const more = [
    { key: 'gpu', value: 'a', effect: 'NoSchedule' },
    { key: 'gpu', value: 'b', effect: 'NoSchedule' },
    { key: 'gpu', value: 'c', effect: 'NoExecute' },
  ]
  assert.deepEqual(chooseTaints({ providerName: 'mock', isDisabled: true, more }), more.slice(1))
})

test('refuses what is no taint', () => {
  const wrong = [
    { key: 'a b', effect: 'NoSchedule' },
    { key: 'a', effect: 'Never' },
    { key: 'a', value: 'x y', effect: 'NoSchedule' },
  ]
  for (const taint of wrong) {
    assert.throws(() => chooseTaints({ providerName: 'mock', more: [taint] }), UserError)
  }
})
