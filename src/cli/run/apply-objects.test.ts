// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inOrder } from './apply-objects.ts'

test('what others need goes first, and the rest keeps its order', () => {
  const manifest = (kind: string, name: string) => ({ apiVersion: 'v1', kind, metadata: { name } })
  const given = [
    manifest('Job', 'b'),
    manifest('Pod', 'a'),
    manifest('ConfigMap', 'c'),
    manifest('Job', 'a'),
    manifest('Secret', 's'),
    manifest('Namespace', 'n'),
  ]
  const order = inOrder(given).map(({ kind, metadata }) => `${kind} ${metadata.name}`)
  assert.deepEqual(order, ['Namespace n', 'Secret s', 'ConfigMap c', 'Job b', 'Pod a', 'Job a'])
})
