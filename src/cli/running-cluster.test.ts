// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unmetWishes } from './running-cluster.ts'
import type { ClusterWish, RunningCluster } from './running-cluster.ts'

const running: RunningCluster = {
  pid: 42,
  server: 'https://127.0.0.1:6443',
  provider: 'process',
  nodes: ['node-1'],
  startedAt: '2026-01-01T00:00:00Z',
}

test('a cluster that is as asked for, or of which nothing is asked, does', () => {
  const all = { provider: 'process', nodes: 1, port: 6443 }
  for (const wish of [{}, all, { port: 0 }]) assert.equal(unmetWishes(running, wish), undefined)
  const tainted = { ...running, taint: true, providerConfig: 'a' }
  assert.equal(unmetWishes(tainted, { taint: true, providerConfig: 'a' }), undefined)
})

test('whatever a running cluster cannot take on is named, beside what it is', () => {
  const table: readonly (readonly [ClusterWish, string, string])[] = [
    [{ nodes: 3 }, '3 nodes', '1 node of provider process'],
    [{ nodes: 3, provider: 'mock' }, '3 nodes, provider mock', '1 node of provider process'],
    [{ port: 7000 }, 'port 7000', '1 node of provider process on port 6443'],
    [{ taint: true }, 'a taint', '1 node of provider process without a taint'],
    [
      { providerConfig: 'b' },
      'that --provider-config',
      '1 node of provider process, configured otherwise',
    ],
  ]
  for (const [wish, wanted, has] of table) {
    assert.deepEqual(unmetWishes(running, wish), { wanted, has })
  }
})
