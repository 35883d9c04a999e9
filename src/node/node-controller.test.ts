// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryKubeClient } from '../../test/support/memory-kube-client.ts'
import type { MemoryCall } from '../../test/support/memory-kube-client.ts'
import { amounts, description, machine, ready, setUpNode } from '../../test/support/node-fixture.ts'
import { ApiError } from '../kube/api-error.ts'
import { nodes } from '../kube/resources.ts'
import type { Node } from '../kube/types.gen.ts'
import { UserError, VkError } from '../util/vk-error.ts'

test('registers a ready Node in one request and says so in events', async () => {
  await using t = setUpNode({ labels: { 'example.com/a': 'b' } })
  await t.start()
  const { metadata, spec, status } = t.stored()
  assert.deepEqual(metadata.labels, {
    type: 'virtual-kubelet',
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': 'amd64',
    'kubernetes.io/hostname': 'n',
    'beta.kubernetes.io/os': 'linux',
    'beta.kubernetes.io/arch': 'amd64',
    'example.com/a': 'b',
  })
  assert.equal(
    metadata.annotations?.['volumes.kubernetes.io/controller-managed-attach-detach'],
    'true',
  )
  assert.deepEqual(spec.taints, [
    { key: 'virtual-kubelet.io/provider', value: 'mock', effect: 'NoSchedule' },
  ])
  assert.deepEqual(status?.capacity, amounts)
  assert.deepEqual(status?.addresses, [
    { type: 'Hostname', address: 'n' },
    { type: 'InternalIP', address: '10.0.0.1' },
  ])
  assert.deepEqual(status?.nodeInfo, {
    ...machine,
    containerRuntimeVersion: 'mock://1',
    kubeletVersion: 'v1.36.3-vk-0.1.0',
    kubeProxyVersion: '',
    operatingSystem: 'linux',
  })
  assert.equal(status && 'declaredFeatures' in status, false)
  assert.deepEqual([ready(t.stored()).type, ready(t.stored()).status], ['Ready', 'True'])
  assert.equal(t.statusWrites(), 0)
  assert.deepEqual(
    t.events.map((event) => event.reason),
    ['Starting', 'NodeReady'],
  )
  assert.deepEqual(t.events[1]?.about, {
    apiVersion: 'v1',
    kind: 'Node',
    name: 'n',
    uid: metadata.uid,
  })
  await t.controller.whenReady()
})

test('is quiet while nothing changes: a lease every 10 s, a status every 5 min', async () => {
  await using t = setUpNode()
  await t.start()
  const before = t.client.calls.length
  await t.clock.advance(3_600_000)
  const calls = t.client.calls.slice(before)
  const count = (matches: (call: MemoryCall) => boolean) => calls.filter(matches).length
  const statuses = count((call) => call.subresource === 'status')
  const renewals = count((call) => call.plural === 'leases' && call.verb === 'replace')
  assert.ok(statuses >= 11 && statuses <= 12, `${statuses} statuses`)
  assert.ok(renewals >= 355 && renewals <= 375, `${renewals} renewals`)
  assert.equal(
    count((call) => call.verb === 'get' || call.verb === 'create'),
    0,
  )
})

test('waits for the first health check before it registers (TestPingAfterStatusUpdate)', async () => {
  await using t = setUpNode()
  const answer = Promise.withResolvers<void>()
  t.backend.ping = () => answer.promise
  const started = t.controller.start()
  await t.clock.advance(5000)
  assert.equal(t.find(), undefined)
  answer.resolve()
  await t.clock.advance(100)
  await started
  assert.equal(ready(t.stored()).status, 'True')
  let pings = 0
  t.backend.ping = () => {
    pings++
    return Promise.resolve()
  }
  t.backend.description = { ...description, labels: { a: 'b' } }
  t.backend.changed()
  await t.clock.advance(1000)
  assert.equal(t.stored().metadata.labels?.['a'], 'b')
  await t.clock.advance(10_000)
  assert.ok(pings > 0, 'the health check goes on after a status update')
})

test('registers a node whose backend hangs as not ready, and renews its lease', async () => {
  await using t = setUpNode()
  t.backend.ping = () => new Promise(() => {})
  const started = t.controller.start()
  await t.clock.advance(10_100)
  await started
  assert.deepEqual(
    [ready(t.stored()).status, ready(t.stored()).reason, ready(t.stored()).message],
    ['False', 'KubeletNotReady', 'provider did not answer its health check for 10s'],
  )
  const before = t.client.count('replace', 'leases')
  await t.clock.advance(60_000)
  assert.ok(t.client.count('replace', 'leases') - before >= 5)
})

test('turns not ready with the reason of the backend, and back', async () => {
  await using t = setUpNode()
  await t.start()
  t.backend.ping = () => Promise.reject(new VkError('Unavailable', 'Cannot reach engine: refused'))
  await t.clock.advance(10_500)
  assert.equal(ready(t.stored()).message, 'Cannot reach engine: refused')
  t.backend.ping = () => Promise.resolve()
  await t.clock.advance(10_500)
  assert.equal(ready(t.stored()).status, 'True')
  assert.deepEqual(
    t.events.map((event) => event.reason),
    ['Starting', 'NodeReady', 'NodeNotReady', 'NodeReady'],
  )
})

test('writes what the backend changes at once, and a storm of changes once a second', async () => {
  await using t = setUpNode()
  await t.start()
  await t.clock.advance(3000)
  t.backend.description = { ...description, capacity: { ...amounts, cpu: '5' } }
  t.backend.changed()
  await t.clock.advance(0)
  assert.equal(t.stored().status?.capacity?.['cpu'], '5')
  const before = t.statusWrites()
  for (let cpu = 6; cpu < 106; cpu++) {
    t.backend.description = { ...description, capacity: { ...amounts, cpu: `${cpu}` } }
    t.backend.changed()
    await t.clock.advance(20)
  }
  await t.clock.advance(1000)
  assert.equal(t.stored().status?.capacity?.['cpu'], '105')
  assert.ok(t.statusWrites() - before <= 4)
})

test('keeps the last good description and stays ready while newer ones fail', async () => {
  await using t = setUpNode()
  await t.start()
  t.backend.describeNode = () => Promise.reject(new Error('no'))
  t.backend.changed()
  await t.clock.advance(60_000)
  assert.equal(ready(t.stored()).status, 'True')
  assert.deepEqual(t.stored().status?.capacity, amounts)
})

test('is not ready until the backend has described the node', async () => {
  await using t = setUpNode()
  const { describeNode } = t.backend
  t.backend.describeNode = () => Promise.reject(new VkError('Unavailable', 'Cannot ask: refused'))
  await t.start()
  assert.equal(
    ready(t.stored()).message,
    'provider has not described the node: Cannot ask: refused',
  )
  t.backend.describeNode = describeNode
  await t.clock.advance(10_000)
  assert.equal(ready(t.stored()).status, 'True')
  assert.deepEqual(t.stored().status?.capacity, amounts)
})

test('adopts a Node that is there, with what others have set', async () => {
  const client = new MemoryKubeClient()
  const taint = { key: 'foreign', effect: 'NoSchedule' }
  await client.create(nodes, {
    metadata: { name: 'n', labels: { foreign: 'x', type: 'y' } },
    spec: { taints: [taint] },
    status: { conditions: [{ type: 'NetworkUnavailable', status: 'False' }] },
  })
  await using t = setUpNode({}, client)
  const { uid } = t.stored().metadata
  await t.start()
  const node = t.stored()
  assert.equal(node.metadata.uid, uid)
  assert.equal(node.metadata.labels?.['foreign'], 'x')
  assert.equal(node.metadata.labels?.['type'], 'virtual-kubelet')
  assert.deepEqual(node.spec.taints?.[0], taint)
  assert.equal(node.spec.taints?.length, 2)
  assert.equal(node.status?.conditions?.[0]?.type, 'NetworkUnavailable')
  assert.equal(ready(node).status, 'True')
  assert.deepEqual(node.status?.capacity, amounts)
})

test("refuses the Node of a machine's own kubelet", async () => {
  const client = new MemoryKubeClient()
  const nodeInfo = { kubeletVersion: 'v1.36.3' }
  const status = { nodeInfo } as unknown as NonNullable<Node['status']>
  await client.create(nodes, { metadata: { name: 'n' }, spec: {}, status })
  await using t = setUpNode({}, client)
  const started = assert.rejects(t.controller.start(), UserError)
  await t.clock.advance(100)
  await started
})

test('gives up at once on a Node that the API server calls invalid', async () => {
  await using t = setUpNode()
  t.client.before = ({ verb, plural }) => {
    if (verb === 'create' && plural === 'nodes') throw new ApiError(422, 'Cannot create node: no')
  }
  const started = assert.rejects(t.controller.start(), /Cannot create node: no/)
  await t.clock.advance(100)
  await started
})

test('registers when the API server comes up, though replies are lost', async () => {
  await using t = setUpNode()
  t.client.after = ({ verb }) => {
    const isLost = t.clock.nowMs() < Date.UTC(2026, 0, 1, 0, 0, 30)
    if (isLost && verb !== 'watch') throw new VkError('Unavailable', 'Cannot read the reply')
  }
  const started = t.controller.start()
  await t.clock.advance(45_000)
  await started
  assert.equal(ready(t.stored()).status, 'True')
})

test('tries a status five times, later against what the API server has', async () => {
  await using t = setUpNode()
  await t.start()
  let failures = 0
  t.client.before = ({ subresource }) => {
    if (subresource === 'status' && failures++ < 4) throw new ApiError(409, 'Cannot patch: changed')
  }
  const gets = t.client.count('get', 'nodes')
  t.backend.ping = () => Promise.reject(new Error('sick'))
  await t.clock.advance(12_500)
  assert.equal(ready(t.stored()).message, 'sick')
  assert.equal(t.client.count('get', 'nodes') - gets, 4)
})

test('goes on reporting when the object itself may not be patched', async () => {
  await using t = setUpNode()
  await t.start()
  t.client.before = ({ verb, plural, subresource }) => {
    if (verb === 'patch' && plural === 'nodes' && !subresource) throw new ApiError(403, 'Forbidden')
  }
  t.backend.description = { ...description, labels: { a: 'b' }, capacity: { ...amounts, cpu: '9' } }
  t.backend.changed()
  await t.clock.advance(1000)
  assert.equal(t.stored().status?.capacity?.['cpu'], '9')
})

test('refuses labels that no node may give itself, before anything starts', () => {
  assert.throws(() => setUpNode({ labels: { 'node-role.kubernetes.io/agent': '' } }), UserError)
})
