// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAuthority } from '../../test/e2e/certificates.ts'
import { startFakeApiServer } from '../../test/support/fake-api-server.ts'
import { systemClock } from '../util/clock.ts'
import { silentLogger } from '../util/logger.ts'
import { isRefused } from './api-error.ts'
import type { ClusterConnection } from './cluster-connection.ts'
import type { Credentials, Identity } from './credentials.ts'
import { createKubeClient } from './http-kube-client.ts'
import type { KubeClient } from './kube-client.ts'
import { Informer } from './informer.ts'
import { configMaps } from './resources.ts'

async function startTlsServer() {
  const authority = await createAuthority('test')
  const pair = await authority.issue({ commonName: 'api', ipAddresses: ['127.0.0.1'] })
  const server = await startFakeApiServer({ tls: { cert: pair.certificate, key: pair.key } })
  return { server, authority }
}

function clientOf(connection: ClusterConnection): KubeClient {
  return createKubeClient(connection, { userAgent: 'test', log: silentLogger })
}

async function until(isDone: () => boolean): Promise<void> {
  for (let i = 0; i < 5000 && !isDone(); i++) await sleep(2)
  assert.ok(isDone(), 'it did not happen in time')
}

/** Counts the events of watches that go on until the client is closed. */
class WatchCounter {
  count = 0
  readonly ends: Promise<unknown>[] = []

  watch(client: KubeClient, name: string): void {
    const options = { namespace: 'default', fieldSelector: `metadata.name=${name}` }
    const follow = async (): Promise<void> => {
      for await (const _event of client.watch(configMaps, options)) this.count += 1
    }
    this.ends.push(follow().catch((error: unknown) => error))
  }
}

test('serves a thousand watches over a few HTTP/2 connections', async () => {
  const { server } = await startTlsServer()
  await using _server = server
  const client = server.client()
  const watches = new WatchCounter()
  for (let i = 0; i < 1000; i++) watches.watch(client, `c${i}`)
  await until(() => server.watchCount === 1000)
  assert.ok(server.connectionCount <= 10, `${server.connectionCount} connections`)
  for (let i = 0; i < 1000; i++) server.create(configMaps, { metadata: { name: `c${i}` } })
  await until(() => watches.count === 1000)
  await client[Symbol.asyncDispose]()
  await Promise.all(watches.ends)
})

test('trusts only the authority that it is told to trust', async () => {
  const { server, authority } = await startTlsServer()
  await using _server = server
  const stranger = await createAuthority('stranger')
  for (const [caPem, isGood] of [
    [authority.certificate, true],
    [stranger.certificate, false],
  ] as const) {
    await using client = clientOf({ ...server.connection(), tls: { caPem, isInsecure: false } })
    const call = client.getRaw('/version')
    if (isGood) await call
    else await assert.rejects(call, /Cannot get "\/version": .*certificate/)
  }
})

test('asks for a new identity after a 401, once, and tries again with it', async () => {
  await using server = await startFakeApiServer({ acceptsToken: (token) => token === 'new' })
  let identity: Identity = { token: 'old' }
  let renewals = 0
  const credentials: Credentials = {
    identity: () => identity,
    renew: (refused) => {
      renewals += 1
      if (refused.token === 'new') return Promise.resolve(false)
      identity = { token: 'new' }
      return Promise.resolve(true)
    },
  }
  await using client = clientOf({ ...server.connection(), credentials })
  await client.list(configMaps)
  assert.equal(renewals, 1)
  identity = { token: 'old' }
  const events = client.watch(configMaps)[Symbol.asyncIterator]()
  const next = events.next()
  await until(() => server.watchCount === 1)
  assert.equal(renewals, 2)
  server.closeWatches()
  assert.equal((await next).done, true)
})

test('passes a 401 on when there is no other identity', async () => {
  await using server = await startFakeApiServer({ acceptsToken: () => false })
  await using client = server.client({ token: 'x' })
  await assert.rejects(client.list(configMaps), isRefused)
  const events = client.watch(configMaps)[Symbol.asyncIterator]()
  await assert.rejects(events.next(), isRefused)
  assert.equal(server.requests.length, 2)
})

test('opens new connections when the client certificate changes, for watches as well', async () => {
  const { server, authority } = await startTlsServer()
  await using _server = server
  const issue = async (commonName: string): Promise<Identity> => {
    const { certificate, key } = await authority.issue({ commonName })
    return { certificate: { certificatePem: certificate, keyPem: key } }
  }
  let identity = await issue('one')
  const credentials = { identity: () => identity, renew: () => Promise.resolve(false) }
  const client = clientOf({ ...server.connection(), credentials })
  const watches = new WatchCounter()
  await client.getRaw('/version')
  watches.watch(client, 'a')
  await until(() => server.watchCount === 1)
  assert.equal(server.connectionCount, 2)
  server.create(configMaps, { metadata: { name: 'a' } })
  await until(() => watches.count === 1)
  identity = await issue('two')
  await client.getRaw('/version')
  // It ended as if the server had closed it: no error, so that its reader resumes.
  assert.deepEqual(await Promise.all(watches.ends), [undefined])
  await until(() => server.connectionCount === 1)
  await client[Symbol.asyncDispose]()
})

test('an informer goes on from where it was when the client certificate changes', async () => {
  const { server, authority } = await startTlsServer()
  await using _server = server
  const issue = async (commonName: string): Promise<Identity> => {
    const { certificate, key } = await authority.issue({ commonName })
    return { certificate: { certificatePem: certificate, keyPem: key } }
  }
  let identity = await issue('one')
  const credentials = { identity: () => identity, renew: () => Promise.resolve(false) }
  await using client = clientOf({ ...server.connection(), credentials })
  const options = { clock: systemClock, log: silentLogger }
  await using informer = new Informer(client, configMaps, options)
  const seen: string[] = []
  informer.onChange(({ type, object }) => seen.push(`${type} ${object.metadata.name}`))
  server.create(configMaps, { metadata: { name: 'a' } })
  informer.start()
  await informer.whenSynced()
  const lists = server.requests.length
  for (const name of ['b', 'c', 'd']) {
    identity = await issue(name)
    await client.getRaw('/version')
    server.create(configMaps, { metadata: { name } })
    await until(() => seen.includes(`added ${name}`))
  }
  assert.deepEqual(seen, ['added a', 'added b', 'added c', 'added d'])
  const queries = server.requests.slice(lists).map(({ query }) => query)
  const watches = queries.filter((query) => query.get('watch') === 'true')
  assert.equal(watches.length, 3)
  assert.ok(
    watches.every((query) => !query.has('sendInitialEvents') && query.has('resourceVersion')),
  )
})

test('pauses a watch whose reader lags behind, and loses nothing', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  const events = client.watch(configMaps)[Symbol.asyncIterator]()
  const first = events.next()
  await until(() => server.watchCount === 1)
  const value = 'x'.repeat(100_000)
  for (let i = 0; i < 300; i++) {
    server.create(configMaps, { metadata: { name: `c${i}` }, data: { value } })
  }
  await first
  await sleep(50)
  for (let i = 1; i < 300; i++) {
    const { value: event } = await events.next()
    assert.ok(event?.type === 'ADDED' && event.object.metadata.name === `c${i}`)
  }
  await events.return?.()
})

test('goes through a proxy that the connection names', async () => {
  const { server, authority } = await startTlsServer()
  await using _server = server
  const targets: string[] = []
  const sockets = new Set<Socket>()
  const proxy = createServer()
  proxy.on('connect', (request, socket: Socket) => {
    targets.push(`${request.url} ${request.headers['proxy-authorization']}`)
    const { port, hostname } = new URL(`http://${request.url}`)
    const upstream = connect(Number(port), hostname, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      upstream.pipe(socket).pipe(upstream)
    })
    for (const end of [socket, upstream]) {
      sockets.add(end)
      end.on('error', () => end.destroy())
    }
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const proxyUrl = `http://me:word@127.0.0.1:${(proxy.address() as AddressInfo).port}`
  const tls = { caPem: authority.certificate, isInsecure: false }
  const client = clientOf({ ...server.connection(), tls, proxyUrl })
  await client.getRaw('/version')
  const watches = new WatchCounter()
  watches.watch(client, 'a')
  await until(() => server.watchCount === 1)
  const authorization = `Basic ${Buffer.from('me:word').toString('base64')}`
  assert.equal(targets[0], `${new URL(server.url).host} ${authorization}`)
  await client[Symbol.asyncDispose]()
  await Promise.all(watches.ends)
  for (const socket of sockets) socket.destroy()
  proxy.close()
})

test('drops idle connections when a timeout shows that the way to the server died', async () => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  await Promise.all([1, 2, 3].map(() => client.getRaw('/version')))
  const before = server.connectionCount
  assert.ok(before > 1)
  using _pause = server.pause()
  await assert.rejects(client.getRaw('/version', { timeoutMs: 20 }), /no answer within 20 ms/)
  await until(() => server.connectionCount === 0)
})

test('keeps its connections when only one request is slow', async (t) => {
  await using server = await startFakeApiServer()
  await using client = server.client()
  await Promise.all([1, 2, 3].map(() => client.getRaw('/version')))
  const before = server.connectionCount
  server.fail({ name: 'slow' }, { delayMs: 600_000 })
  const at = { namespace: 'default', name: 'slow' }
  // The time is not over before the other request was answered.
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const slow = client.get(configMaps, at, { timeoutMs: 300 })
  await client.getRaw('/version')
  t.mock.timers.tick(300)
  t.mock.timers.reset()
  await assert.rejects(slow, /no answer within 300 ms/)
  await client.getRaw('/version')
  await until(() => server.connectionCount === before - 1)
})

test('refuses calls after it was closed', async () => {
  await using server = await startFakeApiServer()
  const client = server.client()
  await client.getRaw('/version')
  await client[Symbol.asyncDispose]()
  await assert.rejects(client.getRaw('/version'), /the client is closed/)
})

test('keeps its connections over deletes, whose requests have a body', async () => {
  await using api = await startFakeApiServer()
  const client = api.client()
  let connections = 0
  using _listener = onConnection(() => connections++)
  for (let i = 0; i < 10; i++) {
    api.create(configMaps, { metadata: { name: 'c' } })
    await client.delete(configMaps, { namespace: 'default', name: 'c' }, { gracePeriodSeconds: 0 })
  }
  assert.ok(connections <= 2, `${connections} connections`)
  await client[Symbol.asyncDispose]()
})

/** Calls `note` when undici opens a connection. */
function onConnection(note: () => void): Disposable {
  const channel = 'undici:client:connected'
  subscribe(channel, note)
  return { [Symbol.dispose]: () => void unsubscribe(channel, note) }
}
