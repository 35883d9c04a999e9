// SPDX-License-Identifier: Apache-2.0
import * as fc from 'fast-check'
import assert from 'node:assert/strict'
import { generateKeyPairSync, sign, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { FakeClock } from '../../util/fake-clock.ts'
import { openAuthority } from '../certificates/authority.ts'
import { ServiceAccountKeys } from '../certificates/service-account-keys.ts'
import { StatusError } from '../objects/api-status.ts'
import { createMemoryStore } from '../storage/memory-store.ts'
import { addObject } from '../../../test/support/add-object.ts'
import { Authenticator, defaultIssuer } from './authenticator.ts'
import { TokenRejection } from './token-rejection.ts'

const masters = { name: 'admin', groups: ['system:masters'] }
const hour = 3_600_000

async function setUp() {
  const clock = new FakeClock()
  const store = createMemoryStore()
  const authority = await openAuthority(undefined, { clock })
  const keys = await ServiceAccountKeys.open(undefined)
  addObject(store, 'serviceaccounts', {
    kind: 'ServiceAccount',
    metadata: { namespace: 'default', name: 'builder', uid: 'sa-1' },
  })
  addObject(store, 'pods', {
    kind: 'Pod',
    metadata: { namespace: 'default', name: 'web', uid: 'pod-1' },
  })
  addObject(store, 'nodes', { kind: 'Node', metadata: { name: 'n1', uid: 'node-1' } })
  addObject(store, 'secrets', {
    kind: 'Secret',
    metadata: { namespace: 'default', name: 'bound', uid: 'secret-1' },
  })
  const options = { authority: authority.certificate, keys, store, clock }
  const staticTokens = [{ token: 'letmein', user: masters }]
  const authenticator = new Authenticator({ ...options, staticTokens })
  const issue = (more: object = {}) =>
    authenticator.tokens.issue({
      namespace: 'default',
      serviceAccount: { name: 'builder', uid: 'sa-1' },
      audiences: [defaultIssuer],
      nowMs: clock.nowMs(),
      expiresMs: clock.nowMs() + hour,
      ...more,
    })
  const verify = (token: string) => authenticator.authenticate({ authorization: `Bearer ${token}` })
  return { authenticator, authority, clock, issue, keys, store, verify }
}

function assertUnauthorized(attempt: () => unknown): void {
  assert.throws(attempt, (error) => error instanceof StatusError && error.code === 401)
}

test('takes a client certificate for the user that it names', async () => {
  const { authenticator, authority } = await setUp()
  const pair = await authority.issueClient({ user: 'jane', groups: ['dev', 'ops'] })
  const certificate = new X509Certificate(pair.certificate)
  const hash = certificate.fingerprint256.replaceAll(':', '').toLowerCase()
  assert.deepEqual(authenticator.authenticate({ certificate }), {
    name: 'jane',
    groups: ['dev', 'ops', 'system:authenticated'],
    extra: { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${hash}`] },
  })
})

test('refuses certificates that are out of date, foreign, or for servers', async () => {
  const { authenticator, authority, clock } = await setUp()
  const foreign = await openAuthority(undefined, { clock })
  const valid = await authority.issueClient({ user: 'jane' })
  const server = await authority.issueServer('jane', ['localhost'])
  const imitation = await foreign.issueClient({ user: 'jane', groups: ['system:masters'] })
  for (const { certificate } of [server, imitation]) {
    assertUnauthorized(() =>
      authenticator.authenticate({ certificate: new X509Certificate(certificate) }),
    )
  }
  const certificate = new X509Certificate(valid.certificate)
  assert.equal(authenticator.authenticate({ certificate }).name, 'jane')
  await clock.advance(366 * 24 * hour)
  assertUnauthorized(() => authenticator.authenticate({ certificate }))
  await clock.advance(-367 * 24 * hour)
  assertUnauthorized(() => authenticator.authenticate({ certificate }))
})

test('lets a good token make up for a bad certificate', async () => {
  const { authenticator, clock } = await setUp()
  const foreign = await openAuthority(undefined, { clock })
  const pair = await foreign.issueClient({ user: 'jane' })
  const certificate = new X509Certificate(pair.certificate)
  const user = authenticator.authenticate({ certificate, authorization: 'Bearer letmein' })
  assert.equal(user.name, 'admin')
})

test('knows the tokens given at the start, in a header or as a WebSocket protocol', async () => {
  const { authenticator } = await setUp()
  const groups = ['system:masters', 'system:authenticated']
  const encoded = Buffer.from('letmein').toString('base64url')
  const protocols = `v5.channel.k8s.io, base64url.bearer.authorization.k8s.io.${encoded}`
  for (const credentials of [
    { authorization: 'Bearer letmein' },
    { authorization: 'bearer letmein' },
    { webSocketProtocols: protocols },
  ]) {
    assert.deepEqual(authenticator.authenticate(credentials), { name: 'admin', groups })
  }
})

test('takes whoever shows nothing for anonymous, but nobody whose token is wrong', async () => {
  const { authenticator, verify } = await setUp()
  const anonymous = { name: 'system:anonymous', groups: ['system:unauthenticated'] }
  assert.deepEqual(authenticator.authenticate({}), anonymous)
  assert.deepEqual(authenticator.authenticate({ authorization: 'Basic YTpi' }), anonymous)
  assert.deepEqual(authenticator.authenticate({ authorization: 'Bearer ' }), anonymous)
  for (const token of ['wrong', 'a.b.c', 'a.b', 'x'.repeat(20_000)]) {
    assertUnauthorized(() => verify(token))
  }
})

test('takes a service account token for the account, and tells where it is used', async () => {
  const { issue, verify } = await setUp()
  const user = verify(
    issue({ pod: { name: 'web', uid: 'pod-1' }, node: { name: 'n1', uid: 'node-1' } }),
  )
  assert.equal(user.name, 'system:serviceaccount:default:builder')
  assert.equal(user.uid, 'sa-1')
  assert.deepEqual(user.groups, [
    'system:serviceaccounts',
    'system:serviceaccounts:default',
    'system:authenticated',
  ])
  const { 'authentication.kubernetes.io/credential-id': credential, ...extra } = user.extra ?? {}
  assert.match(credential?.[0] ?? '', /^JTI=[0-9a-f-]{36}$/)
  assert.deepEqual(extra, {
    'authentication.kubernetes.io/node-name': ['n1'],
    'authentication.kubernetes.io/node-uid': ['node-1'],
    'authentication.kubernetes.io/pod-name': ['web'],
    'authentication.kubernetes.io/pod-uid': ['pod-1'],
  })
})

test('writes the claims that Kubernetes writes', async () => {
  const { clock, issue } = await setUp()
  const seconds = clock.nowMs() / 1000
  const token = issue({ pod: { name: 'web', uid: 'pod-1' }, warnAfterMs: clock.nowMs() + 1000 })
  const [header = '', payload = ''] = token.split('.')
  const decode = (part: string): unknown =>
    JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
  const { kid, ...rest } = decode(header) as Record<string, unknown>
  assert.deepEqual(rest, { alg: 'ES256' })
  assert.match(String(kid), /^[\w-]{43}$/)
  const { jti, ...claims } = decode(payload) as Record<string, unknown>
  assert.match(String(jti), /^[0-9a-f-]{36}$/)
  assert.deepEqual(claims, {
    aud: [defaultIssuer],
    exp: seconds + 3600,
    iat: seconds,
    iss: defaultIssuer,
    'kubernetes.io': {
      namespace: 'default',
      pod: { name: 'web', uid: 'pod-1' },
      serviceaccount: { name: 'builder', uid: 'sa-1' },
      warnafter: seconds + 1,
    },
    nbf: seconds,
    sub: 'system:serviceaccount:default:builder',
  })
})

test('refuses a token before its time, after it, and for other audiences', async () => {
  const { authenticator, clock, issue, verify } = await setUp()
  const token = issue()
  const forVault = issue({ audiences: ['vault'] })
  assertUnauthorized(() => verify(forVault))
  assert.deepEqual(authenticator.verifyToken(forVault, ['vault', 'other']).audiences, ['vault'])
  assert.throws(
    () => authenticator.verifyToken(token, ['vault']),
    new TokenRejection(
      `token audiences ["${defaultIssuer}"] is invalid for the target audiences ["vault"]`,
    ),
  )
  await clock.advance(hour + 60_000)
  assert.equal(verify(token).uid, 'sa-1')
  await clock.advance(1000)
  assert.throws(() => authenticator.verifyToken(token), {
    message: 'service account token has expired',
  })
  await clock.advance(-2 * hour)
  assert.throws(() => authenticator.verifyToken(token), {
    message: 'service account token is not valid yet',
  })
})

for (const [resource, namespace, name, bound] of [
  ['serviceaccounts', 'default', 'builder', {}],
  ['pods', 'default', 'web', { pod: { name: 'web', uid: 'pod-1' } }],
  ['secrets', 'default', 'bound', { secret: { name: 'bound', uid: 'secret-1' } }],
  ['nodes', '', 'n1', { node: { name: 'n1', uid: 'node-1' } }],
] as const) {
  test(`refuses a token whose ${resource} are gone, going, or others of the same name`, async () => {
    const { clock, issue, store, verify } = await setUp()
    const token = issue(bound)
    assert.equal(verify(token).uid, 'sa-1')
    const key = { resource, namespace, name }
    const { object } = store.get(key) ?? assert.fail()
    const deletionTimestamp = new Date(clock.nowMs()).toISOString()
    store.put(key, { ...object, metadata: { ...object.metadata, deletionTimestamp } })
    assert.equal(verify(token).uid, 'sa-1')
    await clock.advance(60_001)
    assertUnauthorized(() => verify(token))
    store.put(key, object)
    assert.equal(verify(token).uid, 'sa-1')
    store.put(key, { ...object, metadata: { ...object.metadata, uid: 'another' } })
    assertUnauthorized(() => verify(token))
    store.remove(key)
    assertUnauthorized(() => verify(token))
  })
}

test('goes on accepting tokens of the keys before, until they are dropped', async () => {
  const { issue, keys, verify } = await setUp()
  const first = issue()
  assert.equal(verify(first).uid, 'sa-1')
  await keys.rotate({ keep: 1 })
  const second = issue()
  assert.notEqual(first.split('.', 1)[0], second.split('.', 1)[0])
  assert.equal(verify(first).uid, 'sa-1')
  assert.equal(verify(second).uid, 'sa-1')
  await keys.rotate({ keep: 1 })
  assertUnauthorized(() => verify(first))
  assert.equal(verify(second).uid, 'sa-1')
  assert.equal(keys.jwks().keys.length, 2)
  assert.ok(keys.jwks().keys.every((key) => !('d' in key)))
})

test('refuses tokens that were changed, made with another key, or not signed', async () => {
  const { issue, keys, verify } = await setUp()
  const [header = '', payload = '', signature = ''] = issue().split('.')
  const claims = Buffer.from(payload, 'base64url').toString('utf8')
  const changed = Buffer.from(claims.replace('"default"', '"kube-system"')).toString('base64url')
  assertUnauthorized(() => verify(`${header}.${changed}.${signature}`))
  const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const text = Buffer.from(`${header}.${payload}`)
  const forged = sign('sha256', text, { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')
  assertUnauthorized(() => verify(`${header}.${payload}.${forged}`))
  const none = JSON.stringify({ alg: 'none', kid: keys.signing.id })
  assertUnauthorized(() => verify(`${Buffer.from(none).toString('base64url')}.${payload}.`))
})

const bootstrapData = {
  'token-id': 'abcdef',
  'token-secret': '0123456789abcdef',
  'usage-bootstrap-authentication': 'true',
  'auth-extra-groups': 'system:bootstrappers:workers',
  expiration: '2026-01-01T01:00:00Z',
}

test('lets new nodes in by bootstrap tokens', async () => {
  const { clock, store, verify } = await setUp()
  const token = 'abcdef.0123456789abcdef'
  const add = (data: Readonly<Record<string, string>>, type = 'bootstrap.kubernetes.io/token') =>
    addObject(store, 'secrets', {
      kind: 'Secret',
      metadata: { namespace: 'kube-system', name: 'bootstrap-token-abcdef' },
      type,
      data: Object.fromEntries(
        Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
      ),
    })
  assertUnauthorized(() => verify(token))
  add(bootstrapData)
  assert.deepEqual(verify(token), {
    name: 'system:bootstrap:abcdef',
    groups: ['system:bootstrappers', 'system:bootstrappers:workers', 'system:authenticated'],
  })
  for (const wrong of [
    { 'token-secret': '0123456789abcdee' },
    { 'token-id': 'abcdee' },
    { 'usage-bootstrap-authentication': 'false' },
    { 'auth-extra-groups': 'system:masters' },
    { expiration: '2025-12-31T00:00:00Z' },
    { expiration: 'tomorrow' },
  ]) {
    add({ ...bootstrapData, ...wrong })
    assertUnauthorized(() => verify(token))
  }
  add(bootstrapData, 'Opaque')
  assertUnauthorized(() => verify(token))
  add(bootstrapData)
  await clock.advance(hour + 1)
  assertUnauthorized(() => verify(token))
})

test('answers any text in place of a token with 401 or, where there is none, anonymous', async () => {
  const { authenticator, issue } = await setUp()
  const parts = issue().split('.')
  const part = fc.oneof(fc.constantFrom(...parts), fc.base64String(), fc.string())
  const token = fc.oneof(
    fc.string(),
    fc.array(part, { maxLength: 4 }).map((all) => all.join('.')),
  )
  fc.assert(
    fc.property(token, fc.constantFrom('Bearer ', 'bearer', '', 'Basic '), (text, scheme) => {
      if (text === parts.join('.')) return
      try {
        const user = authenticator.authenticate({ authorization: `${scheme}${text}` })
        assert.equal(user.name, 'system:anonymous')
      } catch (error) {
        assert.ok(error instanceof StatusError && error.code === 401, String(error))
      }
    }),
  )
})
