// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import * as fc from 'fast-check'
import { startFakeApiServer } from '../../test/support/fake-api-server.ts'
import type { FakeApiServer } from '../../test/support/fake-api-server.ts'
import { FakeClock } from '../util/fake-clock.ts'
import { silentLogger } from '../util/logger.ts'
import { isRefused } from './api-error.ts'
import { Informer } from './informer.ts'
import type { Change, InformerOptions } from './informer.ts'
import type { KubeClient } from './kube-client.ts'
import { configMaps, pods } from './resources.ts'
import type { ConfigMap, Pod } from './types.gen.ts'
import { withoutBulk } from './without-bulk.ts'
import { tries } from '../../test/support/test-size.ts'

const at = (name: string) => ({ namespace: 'default', name })
const seed = (name: string, value = '0') => ({ metadata: { name }, data: { value } })

/** Waits until `isDone`, moving the informer's clock on in the meantime. */
async function until(clock: FakeClock, isDone: () => boolean): Promise<void> {
  for (let i = 0; i < 2000; i++) {
    if (isDone()) return
    // Real sockets need real time; the clock only makes pauses end.
    await sleep(1)
    await clock.advance(20)
  }
  assert.fail('it did not happen in time')
}

function newInformer(client: KubeClient, options: Partial<InformerOptions<ConfigMap>> = {}) {
  const clock = new FakeClock()
  const informer = new Informer(client, configMaps, { clock, log: silentLogger, ...options })
  const changes: Change<ConfigMap>[] = []
  informer.onChange((change) => changes.push(change))
  const said = (): string[] =>
    changes
      .splice(0)
      .map(({ type, object }) => `${type} ${object.metadata.name}=${object.data?.['value']}`)
  return { informer, clock, said }
}

test('knows what is there once synced, and follows changes', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  server.create(configMaps, seed('a'))
  server.create(configMaps, seed('b'))
  const { informer, clock, said } = newInformer(client)
  await using _informer = informer
  assert.equal(informer.hasSynced, false)
  informer.start()
  await informer.whenSynced()
  assert.deepEqual(said(), ['added a=0', 'added b=0'])
  assert.equal(informer.get('a', 'default')?.data?.['value'], '0')
  server.update(configMaps, at('a'), (old) => ({ ...old, data: { value: '1' } }))
  server.delete(configMaps, at('b'))
  server.create(configMaps, seed('c'))
  await until(clock, () => informer.get('c', 'default') !== undefined)
  assert.deepEqual(said(), ['updated a=1', 'deleted b=0', 'added c=0'])
  assert.equal(informer.size, 2)
})

test('lists by pages where the server has no streamed lists', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  server.hasInitialEvents = false
  for (let i = 0; i < 1100; i++) server.create(configMaps, seed(`c${i}`))
  const { informer, clock, said } = newInformer(client)
  await using _informer = informer
  informer.start()
  await informer.whenSynced()
  assert.equal(informer.size, 1100)
  assert.equal(server.requests.filter(({ verb }) => verb === 'list').length, 3)
  said()
  await until(clock, () => server.watchCount === 1)
  server.delete(configMaps, at('c7'))
  await until(clock, () => informer.size === 1099)
  assert.deepEqual(said(), ['deleted c7=0'])
})

test('tells only of differences after it lost its place, missed deletes among them', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  for (const name of ['same', 'changed', 'gone', 'replaced']) server.create(configMaps, seed(name))
  const { informer, clock, said } = newInformer(client)
  await using _informer = informer
  informer.start()
  await informer.whenSynced()
  said()
  server.fail({ verb: 'watch' }, { destroy: true, times: 3 })
  server.destroyWatches()
  await until(clock, () => informer.lastError !== undefined)
  server.update(configMaps, at('changed'), (old) => ({ ...old, data: { value: '1' } }))
  server.delete(configMaps, at('gone'))
  server.delete(configMaps, at('replaced'))
  server.create(configMaps, seed('replaced', '2'))
  assert.equal(informer.size, 4, 'errors must not empty the cache')
  server.expireWatches()
  await until(clock, () => informer.get('gone', 'default') === undefined)
  assert.deepEqual(said().sort(), [
    'added replaced=2',
    'deleted gone=0',
    'deleted replaced=0',
    'updated changed=1',
  ])
  assert.equal(informer.lastError, undefined)
})

test('resumes closed watches where they ended, without listing again', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  const { informer, clock } = newInformer(client)
  await using _informer = informer
  informer.start()
  await informer.whenSynced()
  for (let round = 0; round < 5; round++) {
    await until(clock, () => server.watchCount === 1)
    server.create(configMaps, seed(`r${round}`))
    server.closeWatches()
    await until(clock, () => informer.size === round + 1)
  }
  const lists = server.requests.filter(({ query }) => query.get('sendInitialEvents') === 'true')
  assert.equal(lists.length, 1)
})

test('finds a watch that died without a word', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  const { informer, clock } = newInformer(client, { random: () => 0 })
  await using _informer = informer
  informer.start()
  await informer.whenSynced()
  const pause = server.pause()
  server.create(configMaps, seed('a'))
  await clock.advance(300_000 + 29_000)
  assert.equal(server.requests.length, 1)
  await clock.advance(2000)
  await until(clock, () => server.requests.length === 2)
  pause[Symbol.dispose]()
  await until(clock, () => informer.size === 1)
})

test('keeps asking while refused, says why, and syncs once let in', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  const refusal = server.fail({ verb: 'watch' }, { status: 403, times: 1000 })
  const { informer, clock } = newInformer(client)
  await using _informer = informer
  informer.start()
  await until(clock, () => server.requests.length >= 4)
  assert.ok(isRefused(informer.lastError))
  assert.equal(informer.hasSynced, false)
  await assert.rejects(informer.whenSynced(AbortSignal.timeout(5)), /timeout/)
  refusal[Symbol.dispose]()
  await until(clock, () => informer.hasSynced)
  assert.equal(informer.lastError, undefined)
})

test('caches objects as the transform leaves them', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}', keep: 'me' }
  const managedFields = [{ manager: 'kubectl' }]
  server.create(pods, { metadata: { name: 'p', annotations, managedFields } })
  const clock = new FakeClock()
  const options = { clock, log: silentLogger, transform: withoutBulk<Pod> }
  await using informer = new Informer(client, pods, options)
  informer.start()
  await informer.whenSynced()
  const pod = informer.get('p', 'default')
  assert.deepEqual(pod?.metadata.annotations, { keep: 'me' })
  assert.equal(pod?.metadata.managedFields, undefined)
  assert.ok(pod?.metadata.uid)
})

test('goes on when a listener throws', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  server.create(configMaps, seed('a'))
  server.create(configMaps, seed('b'))
  const { informer, said } = newInformer(client)
  await using _informer = informer
  informer.onChange(() => {
    throw new Error('broken')
  })
  informer.start()
  await informer.whenSynced()
  assert.deepEqual(said(), ['added a=0', 'added b=0'])
})

type Step =
  | { readonly do: 'create' | 'update' | 'delete'; readonly name: string }
  | { readonly do: 'close' | 'destroy' | 'expire' | 'refuse' | 'cut' | 'wait' }

const name = fc.constantFrom('a', 'b', 'c', 'd')
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom('create', 'update', 'delete'), name }),
  fc.record({ do: fc.constantFrom('close', 'destroy', 'expire', 'refuse', 'cut', 'wait') }),
)

async function take(server: FakeApiServer, next: Step, value: number): Promise<void> {
  switch (next.do) {
    case 'create':
      if (!server.find(configMaps, at(next.name))) {
        server.create(configMaps, seed(next.name, String(value)))
      }
      return
    case 'update':
      if (!server.find(configMaps, at(next.name))) return
      server.update(configMaps, at(next.name), (old) => ({
        ...old,
        data: { value: String(value) },
      }))
      return
    case 'delete':
      if (server.find(configMaps, at(next.name))) server.delete(configMaps, at(next.name))
      return
    case 'close':
      server.closeWatches()
      return
    case 'destroy':
      server.destroyWatches()
      return
    case 'expire':
      server.expireWatches()
      return
    case 'refuse':
      server.fail({}, { status: 503 })
      return
    case 'cut':
      server.fail({}, { destroy: true })
      return
    case 'wait':
      await sleep(2)
  }
}

function contents(objects: Iterable<ConfigMap>): readonly string[] {
  return [...objects]
    .map(({ metadata, data }) => `${metadata.name} ${metadata.uid} ${data?.['value']}`)
    .sort()
}

test('converges to the state of the server, and its changes add up, whatever happens', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.boolean(), async (steps, streams) => {
      await using server = await startFakeApiServer()
      server.hasInitialEvents = streams
      await using client = server.client()
      const clock = new FakeClock()
      await using informer = new Informer(client, configMaps, { clock, log: silentLogger })
      const replica = new Map<string, ConfigMap>()
      const misfits: string[] = []
      informer.onChange(({ type, object }) => {
        const { name } = object.metadata
        if (replica.has(name) === (type === 'added')) misfits.push(`${type} ${name}`)
        if (type === 'deleted') replica.delete(name)
        else replica.set(name, object)
      })
      informer.start()
      for (const [value, next] of steps.entries()) {
        await take(server, next, value)
        await clock.advance(100)
      }
      const wanted = contents(server.list(configMaps)).join('\n')
      await until(
        clock,
        () => informer.hasSynced && contents(informer.list()).join('\n') === wanted,
      )
      assert.deepEqual(misfits, [])
      assert.deepEqual(contents(replica.values()), contents(informer.list()))
    }),
    { seed: 3, numRuns: tries(60, 12) },
  )
})
