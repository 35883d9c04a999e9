// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TokenRequest } from '../../kube/types.gen.ts'
import { FakeClock } from '../../util/fake-clock.ts'
import { openAuthority } from '../certificates/authority.ts'
import { ServiceAccountKeys } from '../certificates/service-account-keys.ts'
import { createMemoryStore } from '../storage/memory-store.ts'
import { addObject } from '../../../test/support/add-object.ts'
import { Authenticator, defaultIssuer } from './authenticator.ts'
import { unverifiedClaims } from './json-web-token.ts'
import { answerTokenRequest, completeTokenRequest } from './token-request.ts'
import { answerSelfSubjectReview, answerTokenReview } from './token-review.ts'

const account = { namespace: 'default', name: 'builder' }
const metadata = { name: '', uid: '', resourceVersion: '', creationTimestamp: '' }

async function setUp() {
  const clock = new FakeClock()
  const store = createMemoryStore()
  const namespace = 'default'
  addObject(store, 'serviceaccounts', { metadata: { ...account, uid: 'sa-1' } })
  addObject(store, 'nodes', { metadata: { name: 'n1', uid: 'node-1' } })
  addObject(store, 'pods', {
    metadata: { namespace, name: 'web', uid: 'pod-1' },
    spec: { serviceAccountName: 'builder', nodeName: 'n1' },
  })
  addObject(store, 'pods', {
    metadata: { namespace, name: 'other', uid: 'pod-2' },
    spec: { serviceAccountName: 'default', nodeName: 'gone' },
  })
  const { certificate } = await openAuthority(undefined, { clock })
  const keys = await ServiceAccountKeys.open(undefined)
  const authenticator = new Authenticator({ authority: certificate, keys, store, clock })
  const { audiences, tokens } = authenticator
  const ask = (request: object, on = account) => {
    const context = { store, nowMs: clock.nowMs(), tokens, audiences }
    const complete = completeTokenRequest(request as TokenRequest, on, context)
    return answerTokenRequest(complete, on, context)
  }
  return { ask, authenticator, clock }
}

function kubernetesClaims(answer: TokenRequest): Record<string, unknown> {
  const claims = unverifiedClaims(answer.status?.token ?? '') ?? {}
  return claims['kubernetes.io'] as Record<string, unknown>
}

test('answers a bare request with an hour for this server', async () => {
  const { ask, authenticator, clock } = await setUp()
  const answer = ask({ spec: {} })
  assert.deepEqual(answer.spec, { audiences: [defaultIssuer], expirationSeconds: 3600 })
  assert.equal(answer.status?.expirationTimestamp, '2026-01-01T01:00:00Z')
  assert.equal(answer.metadata.name, 'builder')
  const token = answer.status?.token ?? ''
  const verified = authenticator.verifyToken(token)
  assert.equal(verified.user.name, 'system:serviceaccount:default:builder')
  assert.equal(unverifiedClaims(token)?.['exp'], clock.nowMs() / 1000 + 3600)
})

test('binds to a pod and tells its node', async () => {
  const { ask } = await setUp()
  const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: 'web', uid: 'pod-1' }
  assert.deepEqual(kubernetesClaims(ask({ spec: { boundObjectRef } })), {
    namespace: 'default',
    node: { name: 'n1', uid: 'node-1' },
    pod: { name: 'web', uid: 'pod-1' },
    serviceaccount: { name: 'builder', uid: 'sa-1' },
  })
})

test('lets the token of a projected volume last a year, and warn after what was asked', async () => {
  const { ask, clock } = await setUp()
  const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: 'web', uid: 'pod-1' }
  const answer = ask({ spec: { boundObjectRef, expirationSeconds: 3607 } })
  const nowSeconds = clock.nowMs() / 1000
  const claims = unverifiedClaims(answer.status?.token ?? '')
  assert.equal(claims?.['exp'], nowSeconds + 365 * 86_400)
  assert.equal(kubernetesClaims(answer)['warnafter'], nowSeconds + 3607)
  assert.equal(answer.status?.expirationTimestamp, '2026-01-01T01:00:07Z')
  const elsewhere = ask({ spec: { boundObjectRef, expirationSeconds: 3607, audiences: ['vault'] } })
  const { exp } = unverifiedClaims(elsewhere.status?.token ?? '') ?? {}
  assert.equal(exp, nowSeconds + 3607)
})

const pod = (more: object) => ({
  spec: { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'web', ...more } },
})
const refusals: readonly (readonly [object, number, RegExp])[] = [
  [{ spec: { expirationSeconds: 599 } }, 422, /may not specify a duration less than 10 minutes/],
  [{ spec: { expirationSeconds: 2 ** 33 } }, 422, /may not specify a duration larger than 2\^32/],
  [{ metadata: { name: 'x' }, spec: {} }, 422, /must match the service account name if specified/],
  [{ metadata: { uid: 'x' }, spec: {} }, 409, /the UID in the token request \(x\) does not match/],
  [pod({ name: 'none' }), 404, /^pods "none" not found$/],
  [pod({ uid: 'x' }), 409, /^Operation cannot be fulfilled on Pod "web": the UID in the bound/],
  [pod({ name: 'other' }), 400, /to pod running with different serviceaccount name\.$/],
  [pod({ kind: 'ConfigMap' }), 400, /^cannot bind token to object of type \/v1, Kind=ConfigMap$/],
]

test('refuses what the API refuses', async () => {
  const { ask } = await setUp()
  for (const [request, code, message] of refusals) {
    assert.throws(() => ask(request), { code, message })
  }
  assert.throws(() => ask({ spec: {} }, { ...account, name: 'none' }), {
    message: 'serviceaccounts "none" not found',
  })
})

test('reviews tokens for those who were shown one', async () => {
  const { ask, authenticator } = await setUp()
  const { token = '' } = ask({ spec: { audiences: ['vault'] } }).status ?? {}
  const review = (spec: { token: string; audiences?: string[] }) =>
    answerTokenReview({ metadata, spec }, authenticator).status
  const good = review({ token, audiences: ['vault'] })
  assert.equal(good?.authenticated, true)
  assert.deepEqual(good.audiences, ['vault'])
  assert.equal(good.user?.username, 'system:serviceaccount:default:builder')
  assert.ok(good.user.groups?.includes('system:authenticated'))
  assert.deepEqual(review({ token }), {
    user: {},
    error: `[invalid bearer token, token audiences ["vault"] is invalid for the target audiences ["${defaultIssuer}"]]`,
  })
  assert.deepEqual(review({ token: 'x' }), { user: {}, error: 'invalid bearer token' })
  assert.throws(() => review({ token: '' }), /token is required/)
})

test('tells the asker who he is', () => {
  const user = { name: 'jane', groups: ['dev'], extra: { a: ['b'] } }
  assert.deepEqual(answerSelfSubjectReview({ metadata }, { user, nowMs: 0 }).status, {
    userInfo: { username: 'jane', groups: ['dev'], extra: { a: ['b'] } },
  })
})
