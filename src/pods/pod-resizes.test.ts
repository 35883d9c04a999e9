// SPDX-License-Identifier: Apache-2.0
// Resizes as the pod loop grants them. The node has 8 cores.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodCondition } from '../kube/types.gen.ts'
import type { ObservedPod } from '../provider/provider.ts'
import { PodLoopFixture } from '../../test/support/pod-loop-fixture.ts'

const backend = { features: { 'resources.resize': true } } as const

const containersOf = (cpu: string) => [
  { name: 'main', image: 'image', resources: { requests: { cpu } } },
]

/** A pod that runs, asking for so many cores. */
async function bind(node: PodLoopFixture, name: string, cpu: string): Promise<string> {
  const uid = await node.bind({ name, spec: { containers: containersOf(cpu) } })
  await node.settle(10_000)
  return uid
}

async function ask(node: PodLoopFixture, name: string, cpu: string): Promise<void> {
  const { generation = 1 } = node.find(name)?.metadata ?? {}
  const spec = { containers: containersOf(cpu) }
  await node.change(name, { metadata: { generation: generation + 1 }, spec })
}

const handedOver = (node: PodLoopFixture, uid: string): string | undefined =>
  node.backend.requests.get(uid)?.pod.spec.containers[0]?.resources?.requests?.['cpu']

const condition = (node: PodLoopFixture, name: string, type: string): PodCondition | undefined =>
  node.find(name)?.status?.conditions?.find((one) => one.type === type)

/** The backend says how far it is. */
function observe(node: PodLoopFixture, uid: string, more: Partial<ObservedPod>): void {
  const known = node.backend.pods.get(uid)
  if (known) node.backend.set({ ...known, ...more })
}

test('a resize that fits is granted and handed over; its end is told', async () => {
  await using node = await PodLoopFixture.start({ backend })
  const uid = await bind(node, 'a', '1')
  await ask(node, 'a', '2')
  assert.equal(handedOver(node, uid), '2')
  observe(node, uid, { resize: { isUnderWay: true }, observedGeneration: 2 })
  await node.settle()
  assert.equal(condition(node, 'a', 'PodResizeInProgress')?.status, 'True')
  assert.equal(condition(node, 'a', 'PodResizeInProgress')?.observedGeneration, 2)
  const known = node.backend.pods.get(uid)
  assert.ok(known)
  const { resize: _, ...done } = known
  node.backend.set(done)
  await node.settle()
  assert.equal(condition(node, 'a', 'PodResizeInProgress'), undefined)
  const containers = '{"containers":[{"name":"main","resources":{"requests":{"cpu":"2"}}}]'
  assert.deepEqual(
    node.events.map(({ event }) => [event.reason, event.message]),
    [
      ['ResizeStarted', `Pod resize started: ${containers},"generation":2}`],
      ['ResizeCompleted', `Pod resize completed: ${containers},"generation":2}`],
    ],
  )
})

test('one without room waits, says so once, and is granted when another pod ends', async () => {
  await using node = await PodLoopFixture.start({ backend })
  const uid = await bind(node, 'a', '4')
  const other = await bind(node, 'b', '4')
  await ask(node, 'a', '6')
  assert.equal(handedOver(node, uid), '4')
  const pending = condition(node, 'a', 'PodResizePending')
  const message =
    "Node didn't have enough resource: cpu, requested: 6000, used: 4000, capacity: 8000"
  assert.deepEqual(
    [pending?.status, pending?.reason, pending?.message, pending?.observedGeneration],
    ['True', 'Deferred', message, 2],
  )
  await node.settle(400_000)
  assert.deepEqual(node.reasons, ['ResizeDeferred'])
  node.backend.end(other)
  await node.settle(1000)
  assert.equal(handedOver(node, uid), '6')
  observe(node, uid, { observedGeneration: 2 })
  await node.settle()
  assert.equal(condition(node, 'a', 'PodResizePending'), undefined)
  assert.deepEqual(node.reasons, ['ResizeDeferred', 'ResizeStarted', 'ResizeCompleted'])
})

test('what the whole node has not is infeasible', async () => {
  await using node = await PodLoopFixture.start({ backend })
  const uid = await bind(node, 'a', '1')
  await ask(node, 'a', '9')
  assert.equal(handedOver(node, uid), '1')
  const pending = condition(node, 'a', 'PodResizePending')
  assert.equal(pending?.reason, 'Infeasible')
  assert.equal(
    pending.message,
    "Node didn't have enough capacity: cpu, requested: 9000, capacity: 8000",
  )
  assert.deepEqual(node.reasons, ['ResizeInfeasible'])
  // Taken back, it is pending no longer.
  await ask(node, 'a', '1')
  assert.equal(condition(node, 'a', 'PodResizePending'), undefined)
})

test('pods admitted later meet what was granted, not what is asked for', async () => {
  await using node = await PodLoopFixture.start({ backend })
  await bind(node, 'a', '4')
  await bind(node, 'b', '2')
  await ask(node, 'a', '7')
  assert.equal(condition(node, 'a', 'PodResizePending')?.reason, 'Deferred')
  await bind(node, 'c', '2')
  assert.equal(node.find('c')?.status?.phase, 'Running')
})

test('of several that wait the higher priority comes first', async () => {
  await using node = await PodLoopFixture.start({ backend })
  const low = await bind(node, 'low', '2')
  const high = await node.bind({
    name: 'high',
    spec: { priority: 10, containers: containersOf('2') },
  })
  const other = await bind(node, 'other', '4')
  await ask(node, 'low', '6')
  await ask(node, 'high', '6')
  node.backend.end(other)
  await node.settle(1000)
  assert.equal(handedOver(node, high), '6')
  assert.equal(handedOver(node, low), '2')
})

test('after a restart of ours what waits goes on waiting, by what the backend has kept', async () => {
  await using node = await PodLoopFixture.start({ backend })
  const uid = await bind(node, 'a', '4')
  await bind(node, 'b', '4')
  await ask(node, 'a', '6')
  observe(node, uid, { allocation: { main: { requests: { cpu: '4' } } } })
  await node.settle()
  const { client, clock } = node
  await node.controller[Symbol.asyncDispose]()
  await using next = await PodLoopFixture.start({ client, clock, backend: node.backend })
  await next.settle(1000)
  assert.equal(handedOver(next, uid), '4')
  assert.equal(condition(next, 'a', 'PodResizePending')?.reason, 'Deferred')
  assert.deepEqual(next.reasons, [])
})

test('a failure of the backend is told once, with its reason', async () => {
  await using node = await PodLoopFixture.start({ backend })
  const uid = await bind(node, 'a', '1')
  await ask(node, 'a', '2')
  observe(node, uid, { resize: { isUnderWay: true, error: 'busy' }, observedGeneration: 2 })
  await node.settle()
  observe(node, uid, {
    resize: { isUnderWay: true, error: 'busy' },
    observedGeneration: 2,
    podIPs: ['10.0.0.9'],
  })
  await node.settle()
  const { reason, message } = condition(node, 'a', 'PodResizeInProgress') ?? {}
  assert.deepEqual([reason, message], ['Error', 'busy'])
  assert.deepEqual(node.reasons, ['ResizeStarted', 'ResizeError'])
})
