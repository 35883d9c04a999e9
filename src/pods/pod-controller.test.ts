// SPDX-License-Identifier: Apache-2.0
// The pod loop as a whole, on a memory API and a memory backend: the way of a pod, and the scenarios
// that upstream's lifecycle tests name.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VkError } from '../util/vk-error.ts'
import type { BackendCall } from '../../test/support/fake-backend.ts'
import { PodLoopFixture } from '../../test/support/pod-loop-fixture.ts'

test('a pod goes from bound to Running with one write', async () => {
  await using node = await PodLoopFixture.start()
  await node.bind()
  await node.settle(10_000)
  const status = node.find()?.status
  assert.equal(status?.phase, 'Running')
  assert.equal(status.podIP, '10.0.0.1')
  assert.ok(status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'))
  assert.deepEqual(node.writes, { patches: 1, deletes: 0 })
  assert.equal(node.backend.count('createPod'), 1)
  assert.deepEqual(node.events, [])
})

test('a backend that fails for a while is asked again, and the pod says why it waits', async () => {
  await using node = await PodLoopFixture.start()
  node.backend.before = failing('createPod', new VkError('Unavailable', 'Cannot create: no room'))
  await node.bind({ restartPolicy: 'Never' })
  await node.settle(30_000)
  const status = node.find()?.status
  assert.equal(status?.phase, 'Pending')
  assert.deepEqual(status.containerStatuses?.[0]?.state?.waiting, {
    reason: 'CreateContainerError',
    message: 'Cannot create: no room',
  })
  assert.ok(node.reasons.includes('ProviderCreateFailed'))
  const tries = node.backend.count('createPod')
  assert.ok(tries >= 4 && tries <= 8, `${tries} tries`)
  node.backend.before = () => {}
  await node.settle(60_000)
  assert.equal(node.find()?.status?.phase, 'Running')
})

test('a create whose reply was lost is repeated and starts nothing twice', async () => {
  await using node = await PodLoopFixture.start({ backend: { isPushed: false } })
  node.backend.after = failing('createPod', new VkError('Timeout', 'no answer'))
  await node.bind()
  node.backend.after = () => {}
  await node.settle(30_000)
  assert.equal(node.backend.live.length, 1)
  assert.equal(node.find()?.status?.phase, 'Running')
})

test('a changed pod is handed to the backend, a changed status is not', async () => {
  await using node = await PodLoopFixture.start()
  await node.bind()
  await node.settle(65_000)
  assert.equal(node.backend.count('updatePod'), 0)
  await node.change('a', { metadata: { annotations: { note: 'x' } } })
  assert.equal(node.backend.count('updatePod'), 1)
  await node.change('a', { metadata: { generation: 2 }, spec: { activeDeadlineSeconds: 60 } })
  await node.settle(65_000)
  // A deadline is more than this backend can do: the pod runs on, and one event says so.
  assert.equal(node.backend.count('updatePod'), 2)
  assert.deepEqual(node.reasons, ['UnsupportedPodSpec'])
  assert.match(node.events[0]?.event.message ?? '', /^spec\.activeDeadlineSeconds: /)
  await node.change('a', { metadata: { annotations: { note: 'y' } } })
  assert.equal(node.backend.count('updatePod'), 3)
  assert.equal(node.events.length, 1)
})

test('a status that others overwrote is set right again', async () => {
  await using node = await PodLoopFixture.start()
  await node.bind()
  const gate = { type: 'example.com/gate', status: 'True' }
  const status = { conditions: [{ type: 'Ready', status: 'False' }, gate] }
  await node.change('a', { status }, 'status')
  const conditions = node.find()?.status?.conditions
  assert.equal(conditions?.find(({ type }) => type === 'Ready')?.status, 'True')
  assert.ok(conditions.some(({ type }) => type === gate.type))
})

test('a pod that needs more than the backend has waits, and says for what', async () => {
  await using node = await PodLoopFixture.start()
  const probe = { httpGet: { port: 80 } }
  const containers = [{ name: 'main', image: 'image', livenessProbe: probe }]
  await node.bind({ spec: { containers } })
  await node.settle(120_000)
  const waiting = node.find()?.status?.containerStatuses?.[0]?.state?.waiting
  assert.equal(waiting?.reason, 'UnsupportedPodSpec')
  assert.match(waiting.message ?? '', /livenessProbe/)
  assert.deepEqual(node.reasons, ['UnsupportedPodSpec'])
  assert.equal(node.events[0]?.event.message, waiting.message)
  assert.equal(node.backend.count('createPod'), 0)
  assert.equal(node.writes.patches, 1)
})

test('a pod that asks for lenience runs, with one event of what it does not get', async () => {
  await using node = await PodLoopFixture.start()
  const probe = { httpGet: { port: 80 } }
  const containers = [{ name: 'main', image: 'image', livenessProbe: probe }]
  const annotations = { 'virtual-kubelet.io/feature-check': 'lenient' }
  await node.bind({ spec: { containers }, annotations })
  await node.settle(120_000)
  assert.equal(node.find()?.status?.phase, 'Running')
  assert.deepEqual(node.reasons, ['IgnoredPodFields'])
})

test('a pod that the node cannot take is rejected for good', async () => {
  await using node = await PodLoopFixture.start()
  const resources = { requests: { cpu: '100' } }
  await node.bind({ spec: { containers: [{ name: 'main', image: 'image', resources }] } })
  const status = node.find()?.status
  assert.equal(status?.phase, 'Failed')
  assert.equal(status.reason, 'OutOfcpu')
  assert.match(status.message ?? '', /^Pod was rejected: Node didn't have enough resource: cpu/)
  assert.deepEqual(node.reasons, ['OutOfcpu'])
  assert.equal(node.backend.count('createPod'), 0)
})

test('mirror pods of another kubelet are not touched', async () => {
  await using node = await PodLoopFixture.start()
  await node.bind({ annotations: { 'kubernetes.io/config.mirror': 'hash' } })
  await node.delete()
  await node.settle(60_000)
  assert.deepEqual(node.writes, { patches: 0, deletes: 1 })
  assert.equal(node.backend.count('createPod'), 0)
})

test('a drain ends every pod with its grace and says so in the API', async () => {
  await using node = await PodLoopFixture.start()
  await node.bind({ name: 'a' })
  await node.bind({ name: 'b', spec: { terminationGracePeriodSeconds: 7 } })
  const drained = node.controller.drain(new AbortController().signal)
  await node.settle()
  await drained
  for (const name of ['a', 'b']) {
    assert.equal(node.find(name)?.status?.phase, 'Failed')
    assert.equal(node.find(name)?.status?.reason, 'Terminated')
  }
  const graces = node.backend.calls.map(({ gracePeriodSeconds }) => gracePeriodSeconds)
  assert.ok(graces.includes(30) && graces.includes(7))
  await node.bind({ name: 'late' })
  assert.equal(node.find('late')?.status?.reason, 'NodeShutdown')
})

test('a planned shutdown ends pods group by group, each within its period', async () => {
  await using node = await PodLoopFixture.start({ backend: { endsAtOnce: false } })
  await node.bind({ name: 'low', spec: { terminationGracePeriodSeconds: 60 } })
  await node.bind({ name: 'high', spec: { priority: 2_000_000_000 } })
  const plan = [
    { priority: 0, seconds: 20 },
    { priority: 2_000_000_000, seconds: 10 },
  ]
  const drained = node.controller.drain(new AbortController().signal, plan)
  const ended = (): readonly unknown[] =>
    node.backend.calls
      .filter(({ name }) => name === 'deletePod')
      .map(({ ref, gracePeriodSeconds }) => [ref?.name, gracePeriodSeconds])
  await node.settle(19_000)
  assert.deepEqual(ended(), [['low', 20]])
  // It does not end within its period: the next group does not wait for it any longer.
  await node.settle(2000)
  assert.deepEqual(ended(), [
    ['low', 20],
    ['high', 10],
  ])
  assert.equal(node.find('high')?.status?.phase, 'Running')
  for (const { ref } of node.backend.live) node.backend.end(ref.uid, 0)
  await node.settle()
  await drained
  for (const name of ['low', 'high']) {
    const status = node.find(name)?.status
    assert.equal(status?.phase, 'Failed', name)
    assert.equal(status.reason, 'Terminated')
    const { reason, status: is } =
      status.conditions?.find(({ type }) => type === 'DisruptionTarget') ?? {}
    assert.deepEqual([is, reason], ['True', 'TerminationByKubelet'])
  }
})

test('a backend that hangs holds up one call and not the pod for ever', async () => {
  await using node = await PodLoopFixture.start()
  let hangs = 1
  node.backend.before = async ({ name }) => {
    if (name === 'createPod' && hangs-- > 0) await new Promise(() => {})
  }
  await node.bind()
  await node.settle(119_000)
  assert.equal(node.backend.count('createPod'), 1)
  await node.settle(5000)
  assert.equal(node.find()?.status?.phase, 'Running')
})

test('a backend without push is polled, in one batch', async () => {
  await using node = await PodLoopFixture.start({ backend: { isPushed: false } })
  const uid = await node.bind({ name: 'a', restartPolicy: 'Never' })
  await node.bind({ name: 'b' })
  await node.settle(1500)
  assert.equal(node.find('a')?.status?.phase, 'Running')
  const polls = node.backend.count('getPodStatuses')
  await node.settle(20_000)
  assert.equal(node.backend.count('getPodStatuses') - polls, 4)
  node.backend.end(uid)
  await node.settle(6000)
  assert.equal(node.find('a')?.status?.phase, 'Succeeded')
})

test('the pod with our newest status is found by name', async () => {
  await using node = await PodLoopFixture.start()
  await node.bind()
  node.client.before = ({ verb }) => {
    if (verb === 'patch') throw new VkError('Unavailable', 'no API server')
  }
  const observed = [...node.backend.pods.values()][0]
  assert.ok(observed)
  node.backend.set({ ...observed, podIPs: ['10.9.9.9'] })
  await node.settle()
  assert.equal(node.controller.findPod('default', 'a')?.status?.podIP, '10.9.9.9')
  assert.equal(node.find()?.status?.podIP, '10.0.0.1')
})

function failing(name: BackendCall['name'], error: Error): (call: BackendCall) => void {
  return (call) => {
    if (call.name === name) throw error
  }
}
