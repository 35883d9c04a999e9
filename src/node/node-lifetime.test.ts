// SPDX-License-Identifier: Apache-2.0
// A Node among others who write it, and its end.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryKubeClient } from '../../test/support/memory-kube-client.ts'
import {
  amounts,
  description,
  patchStatus,
  ready,
  setUpNode,
} from '../../test/support/node-fixture.ts'
import { ApiError } from '../kube/api-error.ts'
import { nodes } from '../kube/resources.ts'
import type { Lease } from '../kube/types.gen.ts'

test('registers again when the Node is deleted, and gives it the lease', async () => {
  await using t = setUpNode()
  await t.start()
  const { uid } = t.stored().metadata
  await t.client.delete(nodes, { name: 'n' })
  await t.clock.advance(1500)
  assert.notEqual(t.stored().metadata.uid, uid)
  assert.equal(t.controller.node?.metadata.uid, t.stored().metadata.uid)
  assert.equal(ready(t.stored()).status, 'True')
  const place = { collection: 'coordination.k8s.io/v1/leases', namespace: 'kube-node-lease' }
  const lease = t.client.store.get({ ...place, name: 'n' }) as unknown as Lease
  assert.equal(lease.metadata.ownerReferences?.[0]?.uid, t.stored().metadata.uid)
})

test('is not misled by a reply that comes after the Node was deleted', async () => {
  await using t = setUpNode()
  await t.start()
  const { uid } = t.stored().metadata
  const held = Promise.withResolvers<void>()
  t.client.after = ({ subresource }) => (subresource ? held.promise : undefined)
  t.backend.ping = () => Promise.reject(new Error('sick'))
  await t.clock.advance(10_500)
  await t.client.delete(nodes, { name: 'n' })
  await t.clock.advance(100)
  assert.equal(t.controller.node, undefined)
  t.client.after = () => {}
  held.resolve()
  await t.clock.advance(2000)
  assert.notEqual(t.stored().metadata.uid, uid)
})

test('gives the same facts until something changes', async () => {
  await using t = setUpNode()
  assert.equal(t.controller.facts().taints.length, 1)
  await t.start()
  const facts = t.controller.facts()
  assert.equal(t.controller.facts(), facts)
  assert.deepEqual(facts.allocatable, amounts)
  assert.deepEqual([facts.name, facts.os], ['n', 'linux'])
  t.backend.description = { ...description, allocatable: { ...amounts, cpu: '1' } }
  t.backend.changed()
  await t.clock.advance(1000)
  assert.equal(t.controller.facts().allocatable['cpu'], '1')
})

test('notices a deletion by the next status write when no watch tells of it', async () => {
  await using t = setUpNode()
  t.client.before = ({ verb }) => {
    if (verb === 'watch' || verb === 'list')
      throw new ApiError(403, 'Cannot watch nodes: no rights')
  }
  await t.start()
  const { uid } = t.stored().metadata
  await t.client.delete(nodes, { name: 'n' })
  t.backend.ping = () => Promise.reject(new Error('sick'))
  await t.clock.advance(11_000)
  assert.notEqual(t.stored().metadata.uid, uid)
})

test('notices a deletion by its lease, which the garbage collector takes', async () => {
  await using t = setUpNode()
  t.client.before = ({ verb }) => {
    if (verb === 'watch' || verb === 'list')
      throw new ApiError(403, 'Cannot watch nodes: no rights')
  }
  await t.start()
  const { uid } = t.stored().metadata
  await t.client.delete(nodes, { name: 'n' })
  t.client.store.delete({
    collection: 'coordination.k8s.io/v1/leases',
    namespace: 'kube-node-lease',
    name: 'n',
  })
  await t.clock.advance(11_000)
  assert.notEqual(t.stored().metadata.uid, uid)
})

test('restores what the control plane has set Unknown at once', async () => {
  await using t = setUpNode()
  await t.start()
  await t.clock.advance(3000)
  await patchStatus(t.client, {
    conditions: [{ type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown', message: 'x' }],
  })
  await t.clock.advance(100)
  assert.equal(ready(t.stored()).status, 'True')
  assert.equal(ready(t.stored()).reason, 'KubeletReady')
})

test('puts back labels that somebody removes and leaves theirs alone', async () => {
  await using t = setUpNode()
  await t.start()
  await t.clock.advance(3000)
  const labels = { type: null, theirs: 'x' }
  await t.client.patch(nodes, { name: 'n' }, { type: 'merge', body: { metadata: { labels } } })
  await t.clock.advance(100)
  assert.equal(t.stored().metadata.labels?.['type'], 'virtual-kubelet')
  assert.equal(t.controller.facts().labels['theirs'], 'x')
})

test('does not chase somebody who undoes its work again and again', async () => {
  await using t = setUpNode()
  await t.start()
  const before = t.client.count('patch', 'nodes')
  const undo = { type: 'merge', body: { metadata: { labels: { type: 'other' } } } } as const
  for (let turn = 0; turn < 600; turn++) {
    await t.client.patch(nodes, { name: 'n' }, undo)
    await t.clock.advance(100)
  }
  assert.ok(t.client.count('patch', 'nodes') - before - 600 < 15)
  await t.clock.advance(11_000)
  assert.equal(t.stored().metadata.labels?.['type'], 'virtual-kubelet')
})

test('as a node identity sets taints at creation only and leaves the Node behind', async () => {
  const client = new MemoryKubeClient()
  client.username = 'system:node:n'
  await using t = setUpNode({}, client)
  await t.start()
  assert.equal(t.stored().spec.taints?.length, 1)
  await client.patch(nodes, { name: 'n' }, { type: 'merge', body: { spec: { taints: null } } })
  const patches = client.count('patch', 'nodes')
  await t.clock.advance(30_000)
  assert.equal(client.count('patch', 'nodes'), patches)
  client.before = ({ verb }) => {
    if (verb === 'delete') throw new ApiError(403, 'Cannot delete node "n": no rights')
  }
  const ended = t.controller.shutdown({ message: 'node is shutting down', deleteNode: true })
  await t.clock.advance(1000)
  await ended
  assert.equal(ready(t.stored()).status, 'False')
})

test('says that it goes down, at once, and keeps its lease until it is gone', async () => {
  await using t = setUpNode()
  await t.start()
  const ended = t.controller.shutdown({ message: 'node is shutting down' })
  await t.clock.advance(0)
  await ended
  assert.deepEqual(
    [ready(t.stored()).status, ready(t.stored()).reason, ready(t.stored()).message],
    ['False', 'KubeletNotReady', 'node is shutting down'],
  )
  const before = t.client.count('replace', 'leases')
  await t.clock.advance(30_000)
  assert.ok(t.client.count('replace', 'leases') - before >= 2)
  assert.equal(ready(t.stored()).status, 'False')
  await t.client.delete(nodes, { name: 'n' })
  await t.clock.advance(30_000)
  assert.equal(t.find(), undefined, 'a Node that is deleted while it goes down stays away')
})

test('deletes its Node and lease when told to, and makes no new one', async () => {
  await using t = setUpNode()
  await t.start()
  const ended = t.controller.shutdown({ message: 'bye', deleteNode: true })
  await t.clock.advance(100)
  await ended
  await t.clock.advance(60_000)
  assert.equal(t.find(), undefined)
  assert.deepEqual(t.client.store.list('coordination.k8s.io/v1/leases'), [])
})

test('ends although the API server does not answer', async () => {
  const t = setUpNode()
  await t.start()
  t.client.before = ({ signal }) =>
    new Promise((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }))
  const ended = t.controller.shutdown({ message: 'bye', deleteNode: true })
  await t.clock.advance(20_000)
  await ended
  await t[Symbol.asyncDispose]()
})

test('ends before it has registered', async () => {
  const t = setUpNode()
  t.backend.ping = () => new Promise(() => {})
  const started = assert.rejects(t.controller.start(), /it has ended/)
  await t.clock.advance(0)
  await t.controller.shutdown({ message: 'bye' })
  await t[Symbol.asyncDispose]()
  await started
  assert.equal(t.clock.pending, 0)
})
