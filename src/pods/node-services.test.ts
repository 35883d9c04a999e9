// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { services } from '../kube/resources.ts'
import { FakeClock } from '../util/fake-clock.ts'
import { silentLogger } from '../util/logger.ts'
import { MemoryKubeClient } from '../../test/support/memory-kube-client.ts'
import { NodeServices } from './node-services.ts'

async function addService(
  client: MemoryKubeClient,
  namespace: string,
  name: string,
): Promise<void> {
  await client.create(services, { metadata: { namespace, name }, spec: { clusterIP: '10.0.0.1' } })
}

async function namesIn(all: NodeServices, namespace: string): Promise<readonly string[]> {
  return (await all.forNamespace(namespace)).map(({ metadata }) => metadata.name)
}

test('knows the services of a namespace, and kubernetes', async () => {
  const client = new MemoryKubeClient()
  await addService(client, 'default', 'kubernetes')
  await addService(client, 'default', 'other')
  await addService(client, 'web', 'front')
  await using all = new NodeServices(client, { clock: new FakeClock(), log: silentLogger })
  assert.deepEqual(await namesIn(all, 'web'), ['front', 'kubernetes'])
  assert.deepEqual(await namesIn(all, 'default'), ['kubernetes', 'other'])
  assert.deepEqual(await namesIn(all, 'empty'), ['kubernetes'])
  assert.equal(client.count('watch', 'services'), 1)
})

test('reads nothing before the first pod asks', async () => {
  const client = new MemoryKubeClient()
  await using _all = new NodeServices(client, { clock: new FakeClock(), log: silentLogger })
  assert.equal(client.calls.length, 0)
})

test('says so when the services cannot be read in time, and can be asked again', async () => {
  const client = new MemoryKubeClient()
  const clock = new FakeClock()
  await addService(client, 'default', 'kubernetes')
  const open = Promise.withResolvers<void>()
  client.before = () => open.promise
  await using all = new NodeServices(client, { clock, log: silentLogger, waitMs: 5000 })
  const refused = assert.rejects(all.forNamespace('web'), /Cannot list services/)
  await clock.advance(5000)
  await refused
  open.resolve()
  await clock.advance(0)
  assert.deepEqual(await namesIn(all, 'web'), ['kubernetes'])
})
