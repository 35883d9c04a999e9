// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startFakeApiServer } from '../../test/support/fake-api-server.ts'
import { FakeClock } from '../util/fake-clock.ts'
import { silentLogger } from '../util/logger.ts'
import { isRefused } from './api-error.ts'
import type { KubeClient } from './kube-client.ts'
import { ObjectTracker } from './object-tracker.ts'
import { configMaps } from './resources.ts'

const at = { namespace: 'default', name: 'a' }
const seed = (value: string) => ({ metadata: { name: 'a' }, data: { value } })

function newTracker(client: KubeClient) {
  const clock = new FakeClock()
  const changes: string[] = []
  const onChange = (namespace: string, name: string) => void changes.push(`${namespace}/${name}`)
  const tracker = new ObjectTracker(client, configMaps, { clock, log: silentLogger, onChange })
  const until = async (isDone: () => boolean, stepMs = 20): Promise<void> => {
    for (let i = 0; i < 2000 && !isDone(); i++) {
      await sleep(1)
      await clock.advance(stepMs)
    }
    assert.ok(isDone(), 'it did not happen in time')
  }
  return { tracker, clock, changes, until }
}

test('reads an object with one request, then follows it alone', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  server.create(configMaps, seed('1'))
  const { tracker, changes, until } = newTracker(client)
  await using _tracker = tracker
  using object = tracker.acquire('default', 'a')
  assert.equal((await object.read())?.data?.['value'], '1')
  await until(() => server.watchCount === 1)
  const watch = server.requests.find(({ verb }) => verb === 'watch')
  assert.equal(watch?.path, '/api/v1/namespaces/default/configmaps')
  assert.equal(watch.query.get('fieldSelector'), 'metadata.name=a')
  server.create(configMaps, { metadata: { name: 'other' } })
  server.update(configMaps, at, (old) => ({ ...old, data: { value: '2' } }))
  await until(() => changes.length === 1)
  assert.equal((await object.read())?.data?.['value'], '2')
  server.delete(configMaps, at)
  await until(() => changes.length === 2)
  assert.equal(await object.read(), undefined)
})

test('says that an object is not there, and tells when it comes', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  const { tracker, changes, until } = newTracker(client)
  await using _tracker = tracker
  using object = tracker.acquire('default', 'a')
  assert.equal(await object.read(), undefined)
  assert.deepEqual(changes, [])
  await until(() => server.watchCount === 1)
  server.create(configMaps, seed('1'))
  await until(() => changes.length === 1)
  assert.equal((await object.read())?.data?.['value'], '1')
})

test('shares one watch among users and ends it with the last', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  server.create(configMaps, seed('1'))
  const { tracker, until } = newTracker(client)
  await using _tracker = tracker
  const one = tracker.acquire('default', 'a')
  const two = tracker.acquire('default', 'a')
  await Promise.all([one.read(), two.read()])
  await until(() => server.watchCount === 1)
  one[Symbol.dispose]()
  one[Symbol.dispose]()
  assert.equal(tracker.size, 1)
  two[Symbol.dispose]()
  assert.equal(tracker.size, 0)
  await until(() => server.watchCount === 0)
  assert.equal(server.requests.length, 2)
})

test('does not watch what cannot change, but asks again for a later user', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  server.create(configMaps, { ...seed('1'), immutable: true })
  const { tracker, clock } = newTracker(client)
  await using _tracker = tracker
  using object = tracker.acquire('default', 'a')
  await object.read()
  await clock.advance(60_000)
  assert.equal(server.requests.length, 1)
  server.delete(configMaps, at)
  server.create(configMaps, { ...seed('2'), immutable: true })
  using later = tracker.acquire('default', 'a')
  assert.equal((await later.read())?.data?.['value'], '2')
})

test('stops watching an object that became immutable', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  server.create(configMaps, seed('1'))
  const { tracker, until } = newTracker(client)
  await using _tracker = tracker
  using object = tracker.acquire('default', 'a')
  await object.read()
  await until(() => server.watchCount === 1)
  server.update(configMaps, at, (old) => ({ ...old, immutable: true }))
  await until(() => server.watchCount === 0)
  assert.equal((await object.read())?.immutable, true)
})

test('asks again when refused, as the server may learn of the pod a moment later', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  server.create(configMaps, seed('1'))
  server.fail({ verb: 'get' }, { status: 403, times: 3 })
  const { tracker, until, changes } = newTracker(client)
  await using _tracker = tracker
  using object = tracker.acquire('default', 'a')
  let value: string | undefined
  const read = object.read().then((found) => (value = found?.data?.['value']))
  await until(() => value === '1')
  await read
  assert.deepEqual(changes, [])
})

test('gives the refusal to readers in the end, at once to later ones, and tells when it is over', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  server.create(configMaps, seed('1'))
  const refusal = server.fail({ verb: 'get' }, { status: 403, times: 1e9 })
  const { tracker, clock, changes, until } = newTracker(client)
  await using _tracker = tracker
  using object = tracker.acquire('default', 'a')
  let failure: unknown
  void object.read().catch((error: unknown) => (failure = error))
  await until(() => failure !== undefined, 200)
  assert.ok(isRefused(failure))
  await clock.advance(1000)
  await assert.rejects(object.read(), isRefused)
  refusal[Symbol.dispose]()
  await until(() => changes.length === 1)
  assert.equal((await object.read())?.data?.['value'], '1')
})

test('ends a read with its signal', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  using _pause = server.pause()
  const { tracker } = newTracker(client)
  await using _tracker = tracker
  using object = tracker.acquire('default', 'a')
  await assert.rejects(object.read(AbortSignal.timeout(5)), /timeout/)
})
