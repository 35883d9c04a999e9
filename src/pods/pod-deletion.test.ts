// SPDX-License-Identifier: Apache-2.0
// How pods end: with their grace, by force, behind finalizers, before a successor, against faults.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ApiError } from '../kube/api-error.ts'
import type { Pod } from '../kube/types.gen.ts'
import { silentLogger } from '../util/logger.ts'
import { VkError } from '../util/vk-error.ts'
import { PodLoopFixture } from '../../test/support/pod-loop-fixture.ts'

test('a deletion takes two writes, and no longer than the backend needs', async () => {
  await using node = await PodLoopFixture.start()
  await node.bind()
  const phases: (string | undefined)[] = []
  using _watch = node.client.store.onChange(({ object, collection }) => {
    if (collection === 'v1/pods') phases.push(object?.status?.['phase'] as string | undefined)
  })
  await node.delete()
  assert.equal(node.find(), undefined)
  assert.deepEqual(phases, ['Running', 'Succeeded', undefined])
  // One DELETE was the user's.
  assert.deepEqual(node.writes, { patches: 2, deletes: 2 })
  const [end] = node.backend.calls.filter(({ name }) => name === 'deletePod')
  assert.equal(end?.gracePeriodSeconds, 30)
  assert.equal(node.backend.count('cleanUpPod'), 1)
  assert.equal([...node.controller.pods()].length, 0)
})

test('the debug log has one line for each turn in the life of a pod', async () => {
  const lines: unknown[] = []
  const debug = (fields: object, message: string): void => void lines.push([message, fields])
  await using node = await PodLoopFixture.start({ log: { ...silentLogger, debug } })
  const uid = await node.bind()
  await node.delete()
  const fields = { pod: 'default/a', uid }
  assert.deepEqual(lines, [
    ['Pod taken on by the backend', fields],
    ['Pod ended', fields],
    ['Pod deleted from the API', fields],
  ])
})

test('a second, shorter deletion shortens the grace of a pod that is ending', async () => {
  await using node = await PodLoopFixture.start({ backend: { endsAtOnce: false } })
  const uid = await node.bind()
  await node.delete()
  await node.delete('a', 5)
  const graces = node.backend.calls
    .filter(({ name }) => name === 'deletePod')
    .map(({ gracePeriodSeconds }) => gracePeriodSeconds)
  assert.deepEqual(graces, [30, 5])
  node.backend.end(uid, 1)
  await node.settle()
  assert.equal(node.find(), undefined)
})

test('a pod that ended by itself stays, and is deleted with one write', async () => {
  await using node = await PodLoopFixture.start()
  const uid = await node.bind({ restartPolicy: 'Never' })
  node.backend.end(uid, 3)
  await node.settle(120_000)
  assert.equal(node.find()?.status?.phase, 'Failed')
  assert.equal(node.backend.count('createPod'), 1)
  assert.equal(node.backend.count('deletePod'), 0)
  const { patches } = node.writes
  await node.delete()
  assert.deepEqual(node.writes, { patches, deletes: 1 })
  assert.equal(node.backend.pods.size, 0)
})

test('a force-deleted pod is ended within two seconds, and nothing is left of it', async () => {
  await using node = await PodLoopFixture.start()
  await node.bind()
  await node.delete('a', 0)
  const [end] = node.backend.calls.filter(({ name }) => name === 'deletePod')
  assert.equal(end?.gracePeriodSeconds, 2)
  assert.equal(node.backend.pods.size, 0)
  assert.deepEqual(node.writes, { patches: 1, deletes: 1 })
})

test('a pod with a finalizer is ended and then left in peace', async () => {
  await using node = await PodLoopFixture.start()
  await node.bind()
  await node.change('a', { metadata: { finalizers: ['example.com/hold'] } })
  await node.delete()
  assert.equal(node.find()?.status?.phase, 'Succeeded')
  assert.equal(node.backend.pods.size, 0)
  const writes = node.writes
  await node.settle(300_000)
  assert.deepEqual(node.writes, writes)
  assert.equal(node.backend.count('createPod'), 1)
  await node.change('a', { metadata: { finalizers: [] } })
  assert.equal(node.find(), undefined)
})

test('a successor of the same name waits for the end of its predecessor', async () => {
  await using node = await PodLoopFixture.start({ backend: { endsAtOnce: false } })
  const first = await node.bind()
  await node.delete('a', 0)
  const second = await node.bind()
  await node.settle(5000)
  assert.deepEqual(
    node.backend.live.map(({ ref }) => ref.uid),
    [first],
  )
  node.backend.end(first)
  await node.settle(1000)
  assert.deepEqual(
    node.backend.live.map(({ ref }) => ref.uid),
    [second],
  )
  assert.equal(node.find()?.status?.phase, 'Running')
})

test('deletes that fail with NotFound or at random end the pod all the same', async () => {
  for (const error of [new VkError('NotFound', 'unknown'), new Error('random')]) {
    await using node = await PodLoopFixture.start()
    await node.bind()
    let failures = 0
    node.backend.before = (call) => {
      if (call.name === 'deletePod' && failures++ < 3) throw error
    }
    await node.delete()
    await node.settle(60_000)
    assert.equal(node.find(), undefined)
    assert.equal(node.backend.pods.size, 0)
    assert.ok(node.reasons.includes('ProviderDeleteFailed'))
  }
})

test('a status write whose reply was lost leads to no second life', async () => {
  await using node = await PodLoopFixture.start()
  await node.bind()
  let isLost = true
  node.client.after = ({ verb }) => {
    if (verb !== 'patch' || !isLost) return
    isLost = false
    throw new VkError('Timeout', 'no answer')
  }
  await node.delete()
  await node.settle(30_000)
  assert.equal(node.find(), undefined)
  assert.equal(node.backend.count('createPod'), 1)
})

test('a deletion does not wait for a create that hangs', async () => {
  await using node = await PodLoopFixture.start()
  node.backend.before = async ({ name }) => {
    if (name === 'createPod') await new Promise(() => {})
  }
  await node.bind()
  await node.delete()
  await node.settle(2000)
  assert.equal(node.find(), undefined)
  assert.equal(node.backend.count('deletePod'), 1)
  assert.deepEqual(node.reasons, [])
})

test('a backend that drops ended pods at once has its deletions completed as well', async () => {
  for (const isPushed of [true, false]) {
    await using node = await PodLoopFixture.start({ backend: { isPushed, hasCleanUp: false } })
    await node.bind()
    await node.settle(2000)
    await node.delete()
    await node.settle(2000)
    assert.equal(node.find(), undefined)
    assert.equal(node.backend.count('deletePod'), 1)
  }
})

test('a status that the API server calls invalid keeps no pod from its phase, nor from going', async () => {
  await using node = await PodLoopFixture.start()
  node.client.before = ({ verb, body }) => {
    const status = (body as Pod | undefined)?.status
    if (verb === 'patch' && status?.podIP) throw new ApiError(422, 'podIP: Invalid value')
  }
  await node.bind()
  await node.settle(10_000)
  assert.equal(node.find()?.status?.phase, 'Running')
  assert.equal(node.find()?.status?.podIP, undefined)
  const { patches } = node.writes
  await node.settle(100_000)
  assert.equal(node.writes.patches, patches)
  await node.delete()
  await node.settle(10_000)
  assert.equal(node.find(), undefined)
})
