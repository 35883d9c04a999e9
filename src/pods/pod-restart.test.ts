// SPDX-License-Identifier: Apache-2.0
// What a new process makes of what the last one left, and what happens when the backend loses pods.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pods } from '../kube/resources.ts'
import { VkError } from '../util/vk-error.ts'
import { FakeBackend } from '../../test/support/fake-backend.ts'
import { PodLoopFixture } from '../../test/support/pod-loop-fixture.ts'
import { observedPod, testPod } from '../../test/support/test-pods.ts'

test('dangling pods of the backend are ended, with a deletionTimestamp or without', async () => {
  const backend = new FakeBackend()
  backend.set(observedPod({ namespace: 'default', name: 'orphan', uid: 'unknown' }))
  await using node = new PodLoopFixture({ backend })
  const deleting = await node.client.create(pods, testPod({ name: 'b' }))
  backend.set(observedPod({ namespace: 'default', name: 'b', uid: deleting.metadata.uid }))
  await node.client.delete(pods, { namespace: 'default', name: 'b' }, { gracePeriodSeconds: 30 })
  await node.controller.start()
  await node.settle()
  assert.equal(backend.pods.size, 0)
  assert.equal(node.find('b'), undefined)
})

test('nothing of the backend is ended on the word of a cache that the API contradicts', async () => {
  await using node = await PodLoopFixture.start()
  const uid = await node.bind()
  const pod = node.find()
  assert.ok(pod)
  // The watch says that the pod is gone; the API says that it is there.
  node.client.before = ({ verb }) => {
    if (verb === 'list') throw new VkError('Unavailable', 'no API server')
  }
  node.client.store.delete(
    { collection: 'v1/pods', namespace: 'default', name: 'a' },
    {
      gracePeriodSeconds: 0,
    },
  )
  await node.settle(20_000)
  assert.deepEqual(
    node.backend.live.map(({ ref }) => ref.uid),
    [uid],
  )
  node.client.before = () => {}
  await node.settle(60_000)
  assert.equal(node.backend.pods.size, 0)
})

test('work that runs is adopted after a restart, and ended pods are not started again', async () => {
  const first = await PodLoopFixture.start()
  await first.bind({ name: 'a' })
  const done = await first.bind({ name: 'b', restartPolicy: 'Never' })
  first.backend.end(done)
  await first.settle()
  await first[Symbol.asyncDispose]()
  const { backend, client, clock } = first
  const before = client.count('patch', 'pods')
  await using second = await PodLoopFixture.start({ backend, client, clock })
  await second.settle(90_000)
  assert.equal(client.count('patch', 'pods'), before)
  assert.equal(backend.live.length, 1)
  assert.equal(backend.count('createPod'), 3)
  assert.equal(second.find('b')?.status?.phase, 'Succeeded')
})

test('after the backend lost everything, pods that may restart run again and others fail', async () => {
  const first = await PodLoopFixture.start()
  await first.bind({ name: 'a' })
  await first.bind({ name: 'b', restartPolicy: 'Never' })
  await first[Symbol.asyncDispose]()
  const { client, clock } = first
  await using second = await PodLoopFixture.start({ client, clock })
  await second.settle(2000)
  assert.equal(second.backend.live.length, 1)
  assert.equal(second.find('a')?.status?.phase, 'Running')
  const lost = second.find('b')?.status
  assert.equal(lost?.phase, 'Failed')
  const reason = lost.containerStatuses?.[0]?.state?.terminated?.reason
  assert.equal(reason, 'ContainerStatusUnknown')
})

test('a pod that vanishes from the backend is created again, after a second look', async () => {
  await using node = await PodLoopFixture.start()
  const uid = await node.bind()
  node.backend.pods.delete(uid)
  await node.settle(59_000)
  assert.equal(node.backend.count('createPod'), 1)
  await node.settle(10_000)
  assert.equal(node.backend.count('createPod'), 2)
})
