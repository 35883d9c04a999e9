// SPDX-License-Identifier: Apache-2.0
// Who gets in, and where to: every sort of caller against every route, over real TLS.
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import * as https from 'node:https'
import os from 'node:os'
import path from 'node:path'
import { before, after, test } from 'node:test'
import { TestAuthority } from '../../test/support/kubelet-certificates.ts'
import type { TestKeyPair } from '../../test/support/kubelet-certificates.ts'
import { startKubelet } from '../../test/support/kubelet-fixture.ts'
import type { KubeletFixture, KubeletFixtureOptions } from '../../test/support/kubelet-fixture.ts'
import { podWith, recordingLogger, stubNode } from '../../test/support/kubelet-stubs.ts'
import { openWebSocket, upgradeToSpdy } from '../../test/support/stream-client.ts'
import { Metrics } from '../observe/metrics.ts'
import { FakeClock } from '../util/fake-clock.ts'

const running = { state: { running: { startedAt: '2026-01-01T00:00:00Z' } } }
const logPath = '/containerLogs/default/web/c0'

/** Path, the subresources that open it, and the answer to those who may. */
const routes: readonly (readonly [string, readonly string[], number])[] = [
  ['/healthz', ['healthz', 'proxy'], 200],
  ['/healthz/ping', ['healthz', 'proxy'], 200],
  ['/pods', ['pods', 'proxy'], 200],
  ['/runningpods/', ['pods', 'proxy'], 200],
  ['/runningpods', ['pods', 'proxy'], 200],
  [logPath, ['proxy'], 200],
  ['/stats/summary', ['stats'], 200],
  ['/metrics', ['metrics'], 200],
  ['/metrics/resource', ['metrics'], 200],
  ['/metrics/cadvisor', ['metrics'], 200],
  ['/metrics/probes', ['metrics'], 200],
  ['/metrics/slis', ['metrics'], 200],
  ['/configz', ['configz', 'proxy'], 200],
  ['/flagz', ['configz'], 200],
  ['/statusz', ['statusz'], 200],
  ['/checkpoint/default/web/c0', ['checkpoint'], 404],
  ['/exec/default/web/c0', ['proxy'], 400],
  ['/attach/default/web/c0', ['proxy'], 400],
  ['/portForward/default/web', ['proxy'], 501],
  ['/logs/', ['log'], 405],
  ['/logs/kern.log', ['log'], 405],
  ['/debug/flags/v', ['proxy'], 405],
  ['/run/default/web/c0', ['proxy'], 405],
  ['/debug/pprof/profile', ['proxy'], 405],
  ['/unheard/of', ['proxy'], 404],
  ['/podsandmore', ['proxy'], 404],
]
const subresources = [
  'proxy',
  'metrics',
  'stats',
  'log',
  'pods',
  'healthz',
  'configz',
  'checkpoint',
  'statusz',
]

const about = { version: 'v1.36.3', configuration: {}, flags: {} }

let folder: string
let authority: TestAuthority
let caFile: string
let good: TestKeyPair

before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'vk-security-'))
  authority = await TestAuthority.create('clients')
  caFile = path.join(folder, 'ca.pem')
  await writeFile(caFile, authority.cert)
  good = await authority.issue({ commonNames: ['alice'], organizations: ['team', 'ops'] })
})

after(async () => {
  await rm(folder, { recursive: true })
})

async function guarded(options: KubeletFixtureOptions = {}): Promise<KubeletFixture> {
  return await startKubelet({
    node: stubNode([podWith('web', [running])]),
    metrics: new Metrics(),
    server: { about },
    ...options,
    security: {
      authentication: { authenticationTokenWebhook: true, clientCaFile: caFile },
      authorizationMode: 'Webhook',
      ...options.security,
    },
  })
}

test('a server without authentication refuses everybody', async () => {
  await using kubelet = await startKubelet({
    security: { authentication: undefined as never, authorizationMode: 'AlwaysAllow' },
  })
  const reply = await kubelet.ask({ path: '/healthz', client: good, token: 'x' })
  assert.deepEqual([reply.status, reply.body], [401, 'Unauthorized'])
  assert.equal(reply.headers['content-type'], 'text/plain; charset=utf-8')
})

test('a server without an authorization mode lets nobody do anything', async () => {
  await using kubelet = await guarded({ security: { authorizationMode: undefined as never } })
  assert.equal((await kubelet.ask({ path: '/healthz', client: good })).status, 403)
})

test('callers without a good credential get 401 on every route', async () => {
  await using kubelet = await guarded()
  const stranger = await (await TestAuthority.create('clients')).issue({ commonNames: ['alice'] })
  const hour = 60 * 60_000
  const past = { notBefore: new Date(Date.now() - 2 * hour), notAfter: new Date(Date.now() - hour) }
  const callers = {
    anonymous: {},
    'unknown token': { token: 'guess' },
    'wrong CA': { client: stranger },
    expired: { client: await authority.issue({ commonNames: ['alice'], ...past }) },
    'server usage': { client: await authority.issue({ commonNames: ['alice'], usage: 'server' }) },
    'no name': { client: await authority.issue({ organizations: ['team'] }) },
    'other scheme': { headers: { authorization: 'Basic YTpi' } },
    'empty token': { headers: { authorization: 'Bearer ' } },
  }
  for (const [name, caller] of Object.entries(callers)) {
    for (const [path] of routes) {
      const reply = await kubelet.ask({ path, ...caller })
      assert.deepEqual([reply.status, reply.body], [401, 'Unauthorized'], `${name} at ${path}`)
    }
  }
  assert.deepEqual(kubelet.client.accessSeen, [])
})

test('each right alone opens its routes and no other', async () => {
  await using kubelet = await guarded()
  for (const right of subresources) {
    kubelet.client.tokens.set(right, { username: `may-${right}` })
    kubelet.client.rights.add(`may-${right} get ${right}`)
    for (const [path, openedBy, status] of routes) {
      const reply = await kubelet.ask({ path, token: right })
      const expected = openedBy.includes(right) ? status : 403
      assert.equal(reply.status, expected, `${right} at ${path}: ${reply.body}`)
      if (expected !== 403) continue
      const tried = openedBy.join(' ')
      const about = `user=may-${right}, verb=get, resource=nodes`
      assert.equal(reply.body, `Forbidden (${about}, subresource(s)=[${tried}])`)
    }
  }
})

test('the right to get opens no POST', async () => {
  await using kubelet = await guarded()
  kubelet.client.tokens.set('t', { username: 'reader' })
  kubelet.client.rights.add('reader get stats').add('reader get proxy')
  const post = { method: 'POST', token: 't' }
  const about = 'user=reader, verb=create, resource=nodes'
  const stats = await kubelet.ask({ path: '/stats/summary', ...post })
  assert.equal(stats.body, `Forbidden (${about}, subresource(s)=[stats])`)
  assert.equal((await kubelet.ask({ path: '/run/default/web/c0', ...post })).status, 403)
  kubelet.client.tokens.set('w', { username: 'writer' })
  kubelet.client.rights.add('writer create proxy')
  const run = { path: '/run/default/web/c0', method: 'POST', token: 'w' }
  assert.equal((await kubelet.ask(run)).status, 501)
})

test('a client certificate names its user and groups to the review', async () => {
  await using kubelet = await guarded()
  kubelet.client.rights.add('alice get healthz')
  assert.equal((await kubelet.ask({ path: '/healthz', client: good })).status, 200)
  const [spec] = kubelet.client.accessSeen
  assert.deepEqual(spec?.groups, ['team', 'ops', 'system:authenticated'])
  assert.match(
    spec.extra?.['authentication.kubernetes.io/credential-id']?.[0] ?? '',
    /^X509SHA256=[0-9a-f]{64}$/,
  )
  assert.deepEqual(spec.resourceAttributes, {
    verb: 'get',
    version: 'v1',
    resource: 'nodes',
    name: 'node-1',
    subresource: 'healthz',
  })
  assert.deepEqual(kubelet.client.tokensSeen, [])
})

test('a certificate from an authority below the client CA is good', async () => {
  await using kubelet = await guarded({ security: { authorizationMode: 'AlwaysAllow' } })
  const below = await authority.intermediate('below')
  const client = await below.issue({ commonNames: ['bob'] })
  assert.equal((await kubelet.ask({ path: '/healthz', client })).status, 200)
})

test('a token passes on what the review says of its user', async () => {
  await using kubelet = await guarded()
  const extra = { 'authentication.kubernetes.io/pod-name': ['metrics-server-0'] }
  kubelet.client.tokens.set('t', { username: 'sa', uid: '7', groups: ['g'], extra })
  kubelet.client.rights.add('sa get metrics')
  assert.equal((await kubelet.ask({ path: '/metrics/resource', token: 't' })).status, 200)
  const [spec] = kubelet.client.accessSeen
  assert.deepEqual(
    { user: spec?.user, uid: spec?.uid, groups: spec?.groups, extra: spec?.extra },
    { user: 'sa', uid: '7', groups: ['g', 'system:authenticated'], extra },
  )
})

test('a browser hands its token over as a WebSocket subprotocol', async () => {
  await using kubelet = await guarded()
  kubelet.client.tokens.set('s3cret', { username: 'browser' })
  const encoded = Buffer.from('s3cret').toString('base64url')
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-protocol': `v4.channel.k8s.io, base64url.bearer.authorization.k8s.io.${encoded}`,
  }
  const reply = await kubelet.ask({ path: '/exec/default/web/c0', headers })
  assert.equal(reply.status, 403)
  assert.match(reply.body, /^Forbidden \(user=browser, verb=get,/)
})

test('anonymous callers are let in where that is on, but never with a bad credential', async () => {
  const authentication = { anonymousAuth: true, authenticationTokenWebhook: true }
  await using kubelet = await guarded({ security: { authentication } })
  kubelet.client.rights.add('system:anonymous get healthz')
  assert.equal((await kubelet.ask({ path: '/healthz' })).status, 200)
  assert.deepEqual(kubelet.client.accessSeen[0]?.groups, ['system:unauthenticated'])
  assert.equal((await kubelet.ask({ path: '/healthz', token: 'guess' })).status, 401)
  // No client CA is configured, so that this certificate proves nothing.
  assert.equal((await kubelet.ask({ path: '/healthz', client: good })).status, 401)
})

test('a token is refused, not overlooked, where tokens are not reviewed', async () => {
  const authentication = { anonymousAuth: true }
  await using kubelet = await guarded({
    security: { authentication, authorizationMode: 'AlwaysAllow' },
  })
  assert.equal((await kubelet.ask({ path: '/healthz', token: 'any' })).status, 401)
  assert.deepEqual(kubelet.client.tokensSeen, [])
})

test('reviews are remembered for their time', async () => {
  const clock = new FakeClock(Date.now())
  await using kubelet = await guarded({ clock })
  const { client } = kubelet
  client.tokens.set('t', { username: 'u' })
  const request = { path: '/stats/summary', token: 't' }
  assert.equal((await kubelet.ask(request)).status, 403)
  client.rights.add('u get stats')
  await clock.advance(29_000)
  assert.equal((await kubelet.ask(request)).status, 403)
  await clock.advance(2000)
  assert.equal((await kubelet.ask(request)).status, 200)
  assert.equal(client.accessSeen.length, 2)
  assert.equal(client.tokensSeen.length, 1)
  client.rights.clear()
  await clock.advance(4 * 60_000)
  assert.equal((await kubelet.ask(request)).status, 200)
  assert.equal(client.tokensSeen.length, 2)
  await clock.advance(60_000)
  assert.equal((await kubelet.ask(request)).status, 403)
  client.tokens.clear()
  await clock.advance(2 * 60_000)
  assert.equal((await kubelet.ask(request)).status, 401)
})

test('a review that fails lets nobody in and is asked again', async () => {
  const lines: string[] = []
  await using kubelet = await guarded({ log: recordingLogger(lines) })
  const { client } = kubelet
  client.tokens.set('hush', { username: 'u' })
  client.failure = new Error('no route to host')
  const request = { path: '/healthz', token: 'hush' }
  assert.equal((await kubelet.ask(request)).status, 401)
  client.failure = undefined
  client.rights.add('u get proxy')
  assert.equal((await kubelet.ask(request)).status, 200)
  client.failure = new Error('no route to host')
  const reply = await kubelet.ask({ path: '/pods', token: 'hush' })
  const about = 'user=u, verb=get, resource=nodes, subresource=pods'
  assert.deepEqual([reply.status, reply.body], [500, `Authorization error (${about})`])
  assert.doesNotMatch(lines.join(), /hush/)
})

test('an open connection follows the client CA bundle and the end of its certificate', async () => {
  const clock = new FakeClock(Date.now())
  const file = path.join(folder, 'changing-ca.pem')
  await writeFile(file, authority.cert)
  const reloads: string[] = []
  const log = recordingLogger(reloads)
  const authentication = { clientCaFile: file }
  await using kubelet = await guarded({
    clock,
    log,
    security: { authentication, authorizationMode: 'AlwaysAllow' },
  })
  const changed = () => new Promise<void>((resolve) => kubelet.security.tls.onChange(resolve))
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1 })
  const request = { path: '/healthz', client: good, agent }
  try {
    assert.equal((await kubelet.ask(request)).status, 200)
    const other = await TestAuthority.create('clients')
    await replaceBundle(`${other.cert}${authority.cert}`)
    assert.equal((await kubelet.ask(request)).status, 200)
    await replaceBundle(other.cert)
    assert.equal((await kubelet.ask(request)).status, 401)
    const client = await other.issue({ commonNames: ['carol'] })
    assert.equal((await kubelet.ask({ path: '/healthz', client })).status, 200)
    const kept = new https.Agent({ keepAlive: true, maxSockets: 1 })
    try {
      assert.equal((await kubelet.ask({ path: '/healthz', client, agent: kept })).status, 200)
      await clock.advance(25 * 60 * 60_000)
      assert.equal((await kubelet.ask({ path: '/healthz', client, agent: kept })).status, 401)
      // On a new one, where the certificate is known from those before.
      assert.equal((await kubelet.ask({ path: '/healthz', client })).status, 401)
    } finally {
      kept.destroy()
    }
  } finally {
    agent.destroy()
  }

  async function replaceBundle(pem: string): Promise<void> {
    const done = changed()
    await writeFile(file, pem)
    await clock.advance(10_000)
    await done
  }
})

test('a connection by way of an authority in between ends with the bundle it was judged by', async () => {
  const clock = new FakeClock(Date.now())
  const file = path.join(folder, 'ca-above.pem')
  await writeFile(file, authority.cert)
  await using kubelet = await guarded({
    clock,
    security: { authentication: { clientCaFile: file }, authorizationMode: 'AlwaysAllow' },
  })
  const below = await authority.intermediate('below')
  const client = await below.issue({ commonNames: ['bob'] })
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1 })
  try {
    assert.equal((await kubelet.ask({ path: '/healthz', client, agent })).status, 200)
    const done = new Promise<void>((resolve) => kubelet.security.tls.onChange(resolve))
    await writeFile(file, `${authority.cert}${(await TestAuthority.create('more')).cert}`)
    await clock.advance(10_000)
    await done
    assert.equal((await kubelet.ask({ path: '/healthz', client, agent })).status, 401)
    // A handshake may have begun before the change, until none can have.
    assert.equal((await kubelet.ask({ path: '/healthz', client })).status, 401)
    await clock.advance(10_001)
    assert.equal((await kubelet.ask({ path: '/healthz', client, agent })).status, 200)
  } finally {
    agent.destroy()
  }
})

test('an API that is open to everybody says so in the log', async () => {
  const lines: string[] = []
  await using _kubelet = await startKubelet({ log: recordingLogger(lines) })
  assert.match(lines.join(), /open to everybody/)
})

test('a client CA file that cannot be used is named at the start', async () => {
  for (const [name, content] of [
    ['empty.pem', ''],
    ['broken.pem', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
  ] as const) {
    const file = path.join(folder, name)
    await writeFile(file, content)
    await assert.rejects(
      guarded({ security: { authentication: { clientCaFile: file } } }),
      /^UserError: Cannot use the client CA bundle ".*\.pem": /,
    )
  }
})

test('an upgrade is judged like any other request', async () => {
  await using kubelet = await guarded()
  const path = '/exec/default/web/c0?command=x&output=1'
  const spdy = await upgradeToSpdy({ port: kubelet.port, path, protocols: ['v4.channel.k8s.io'] })
  assert.ok('status' in spdy)
  assert.deepEqual([spdy.status, spdy.body], [401, 'Unauthorized'])
  kubelet.client.tokens.set('reader', { username: 'reader' })
  const token = `base64url.bearer.authorization.k8s.io.${Buffer.from('reader').toString('base64url')}`
  const protocols = [token, 'v4.channel.k8s.io']
  const refused = await openWebSocket({ port: kubelet.port, path, protocols })
  assert.ok('status' in refused)
  assert.equal(refused.status, 403)
  assert.match(refused.body, /user=reader, verb=get, resource=nodes, subresource\(s\)=\[proxy\]/)
})
