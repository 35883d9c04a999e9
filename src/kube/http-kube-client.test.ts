// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Metrics } from '../observe/metrics.ts'
import { VkError } from '../util/vk-error.ts'
import { startFakeApiServer } from '../../test/support/fake-api-server.ts'
import type { FakeApiServer } from '../../test/support/fake-api-server.ts'
import { ApiError, isConflict, isGone, isNotFound } from './api-error.ts'
import type { KubeClient, WatchEvent } from './kube-client.ts'
import { configMaps, leases, nodes, pods, serviceAccounts } from './resources.ts'
import type { ConfigMap } from './types.gen.ts'

const at = { namespace: 'default', name: 'a' }

function configMap(name: string, data: Record<string, string> = {}) {
  return { metadata: { name, namespace: 'default' }, data }
}

/** Resolves with `count` events of a watch of config maps. */
async function take(client: KubeClient, count: number): Promise<WatchEvent<ConfigMap>[]> {
  const events: WatchEvent<ConfigMap>[] = []
  for await (const event of client.watch(configMaps, { namespace: 'default' })) {
    events.push(event)
    if (events.length === count) break
  }
  return events
}

/** Waits until the server has this number of open watches. */
async function watches(server: FakeApiServer, count: number): Promise<void> {
  while (server.watchCount !== count) await new Promise((resolve) => setImmediate(resolve))
}

test('creates, reads, replaces, patches, lists and deletes an object', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  const created = await client.create(configMaps, configMap('a', { x: '1' }))
  assert.equal(created.kind, 'ConfigMap')
  assert.ok(created.metadata.uid)
  const replaced = await client.replace(configMaps, { ...created, data: { x: '2' } })
  assert.deepEqual(replaced.data, { x: '2' })
  await client.patch(configMaps, at, { type: 'merge', body: { data: { y: '3' } } })
  assert.deepEqual((await client.get(configMaps, at)).data, { x: '2', y: '3' })
  const { items, resourceVersion } = await client.list(configMaps)
  assert.equal(items.length, 1)
  assert.ok(Number(resourceVersion) > 0)
  await client.delete(configMaps, at)
  await assert.rejects(client.get(configMaps, at), isNotFound)
})

test('sends the right paths, content types and headers', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client({ userAgent: 'vk/1.0', token: 'secret' })
  server.create(nodes, { metadata: { name: 'n' } })
  const body = { status: { phase: 'Running' } }
  const patch = { type: 'strategic', body, subresource: 'status' } as const
  await client.patch(nodes, { name: 'n' }, patch)
  await client.list(leases, { namespace: 'kube-node-lease', limit: 7, fieldSelector: 'a=b' })
  const [patched, listed] = server.requests
  assert.equal(patched?.path, '/api/v1/nodes/n/status')
  assert.equal(patched.headers['content-type'], 'application/strategic-merge-patch+json')
  assert.equal(patched.headers['user-agent'], 'vk/1.0')
  assert.equal(patched.headers['authorization'], 'Bearer secret')
  assert.equal(patched.headers['accept'], 'application/json')
  assert.equal(listed?.path, '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases')
  assert.equal(listed.query.get('limit'), '7')
  assert.equal(listed.query.get('fieldSelector'), 'a=b')
})

test('follows pages of a list', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  for (let i = 0; i < 5; i++) server.create(configMaps, configMap(`c${i}`))
  const first = await client.list(configMaps, { namespace: 'default', limit: 3 })
  assert.ok(first.continue)
  const next = { namespace: 'default', limit: 3, continue: first.continue }
  const second = await client.list(configMaps, next)
  assert.equal(second.continue, undefined)
  const names = [...first.items, ...second.items].map((item) => item.metadata.name)
  assert.deepEqual(names, ['c0', 'c1', 'c2', 'c3', 'c4'])
  assert.equal(second.items[0]?.kind, 'ConfigMap')
})

test('turns refusals into ApiErrors with the message and the wish of the server', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  await client.create(configMaps, configMap('a'))
  await assert.rejects(client.create(configMaps, configMap('a')), isConflict)
  const fault = { status: 429, reason: 'TooManyRequests', message: 'slow', retryAfterSeconds: 3 }
  server.fail({ verb: 'get' }, fault)
  await assert.rejects(client.get(configMaps, at), (error) => {
    assert.ok(error instanceof ApiError)
    assert.equal(error.message, 'Cannot get configmaps "default/a": slow (429)')
    assert.equal(error.retryAfterMs, 3000)
    assert.equal(error.code, 'Unavailable')
    assert.equal(error.reason, 'TooManyRequests')
    return true
  })
})

test('refuses a delete whose uid is another one', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  await client.create(configMaps, configMap('a'))
  const stale = client.delete(configMaps, at, { preconditions: { uid: 'other' } })
  await assert.rejects(stale, isConflict)
})

test('says Unavailable when nobody listens or the connection breaks', async () => {
  const server = await startFakeApiServer()
  await using client = server.client()
  server.fail({ verb: 'get' }, { destroy: true })
  const broken = (error: unknown) => error instanceof VkError && error.code === 'Unavailable'
  await assert.rejects(client.get(configMaps, at), broken)
  await server[Symbol.asyncDispose]()
  await assert.rejects(client.get(configMaps, at), (error) => {
    assert.ok(broken(error) && error instanceof VkError)
    assert.match(error.message, /^Cannot get configmaps "default\/a": .*ECONNREFUSED/)
    assert.ok(error.cause)
    return true
  })
})

test('says Timeout when no answer comes, and the reason of an abort when aborted', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  using _pause = server.pause()
  await assert.rejects(client.get(configMaps, at, { timeoutMs: 20 }), (error) => {
    return error instanceof VkError && error.code === 'Timeout'
  })
  const abort = new AbortController()
  const call = client.get(configMaps, at, { signal: abort.signal })
  abort.abort(new Error('enough'))
  await assert.rejects(call, /^Error: enough$/)
  const late = client.get(configMaps, at, { signal: abort.signal })
  await assert.rejects(late, /^Error: enough$/)
})

test('watches what is there and what happens, and ends when the server ends it', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  server.create(configMaps, configMap('a', { x: '1' }))
  const watched = take(client, 4)
  await watches(server, 1)
  server.update(configMaps, at, (old) => ({ ...old, data: { x: 'ä'.repeat(200_000) } }))
  server.sendBookmarks()
  server.delete(configMaps, at)
  const events = await watched
  assert.deepEqual(
    events.map((event) => event.type),
    ['ADDED', 'MODIFIED', 'BOOKMARK', 'DELETED'],
  )
  const [, modified, bookmark] = events
  assert.ok(modified?.type === 'MODIFIED' && modified.object.data?.['x']?.length === 200_000)
  assert.ok(bookmark?.type === 'BOOKMARK' && Number(bookmark.resourceVersion) > 1000)
  await watches(server, 0)
  const rest = take(client, 100)
  await watches(server, 1)
  server.closeWatches()
  await assert.doesNotReject(rest)
})

test('throws 410 out of a watch that lost its place, and Unavailable out of a cut one', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  const expired = take(client, 1)
  await watches(server, 1)
  server.expireWatches()
  await assert.rejects(expired, isGone)
  await watches(server, 0)
  const cut = take(client, 1)
  await watches(server, 1)
  server.destroyWatches()
  await assert.rejects(cut, (error) => error instanceof VkError && error.code === 'Unavailable')
})

test('ends a watch at once when its signal aborts, and gives the connection back', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  const abort = new AbortController()
  const events = client.watch(configMaps, { signal: abort.signal })[Symbol.asyncIterator]()
  const next = events.next()
  await watches(server, 1)
  abort.abort(new Error('stop'))
  await assert.rejects(next, /stop/)
  await watches(server, 0)
})

test('asks for service account tokens by subresource', async () => {
  await using server = await startFakeApiServer({ serviceAccountToken: () => 'abc' })
  await using client = server.client()
  const place = { namespace: 'default', name: 'sa', subresource: 'token' }
  const body = { spec: { expirationSeconds: 600 } }
  const answer = await client.createSubresource<unknown, { status: { token: string } }>(
    serviceAccounts,
    place,
    body,
  )
  assert.equal(answer.status.token, 'abc')
})

test('counts requests by verb, resource and status', async () => {
  await using server = await startFakeApiServer()
  const metrics = new Metrics()
  await using client = server.client({ metrics })
  await client.list(pods)
  await client.get(configMaps, at).catch(() => undefined)
  const { values } = await metrics.apiRequests.get()
  assert.deepEqual(
    values.map(({ labels, value }) => ({ ...labels, value })),
    [
      { verb: 'list', resource: 'pods', code: '200', value: 1 },
      { verb: 'get', resource: 'configmaps', code: '404', value: 1 },
    ],
  )
})
