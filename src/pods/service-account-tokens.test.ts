// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ApiError } from '../kube/api-error.ts'
import type { TokenRequest } from '../kube/types.gen.ts'
import { FakeClock } from '../util/fake-clock.ts'
import { silentLogger } from '../util/logger.ts'
import { VkError } from '../util/vk-error.ts'
import { MemoryKubeClient } from '../../test/support/memory-kube-client.ts'
import { testPod } from '../../test/support/test-pods.ts'
import { ServiceAccountTokens } from './service-account-tokens.ts'

interface Fixture {
  readonly client: MemoryKubeClient
  readonly clock: FakeClock
  readonly tokens: ServiceAccountTokens
}

/** Tokens are numbered, and live as long as was asked for. */
function fixture(): Fixture {
  const client = new MemoryKubeClient()
  const clock = new FakeClock()
  let issued = 0
  client.after = ({ body }) => {
    const { spec } = body as TokenRequest
    const expiresAtMs = clock.nowMs() + (spec.expirationSeconds ?? 0) * 1000
    const expirationTimestamp = new Date(expiresAtMs).toISOString()
    Object.assign(body as object, { status: { token: `token-${++issued}`, expirationTimestamp } })
  }
  return { client, clock, tokens: new ServiceAccountTokens(client, { clock, log: silentLogger }) }
}

const pod = testPod({ spec: { serviceAccountName: 'robot' } })
const projection = { path: 'token', expirationSeconds: 1000 }

test('asks for a token that is bound to the pod, and keeps it', async () => {
  const { client, clock, tokens } = fixture()
  const first = await tokens.tokenFor(pod, projection)
  assert.equal(first.token, 'token-1')
  assert.equal(first.refreshAtMs, clock.nowMs() + 800_000)
  const [call] = client.calls
  assert.equal(call?.name, 'robot')
  assert.deepEqual((call.body as TokenRequest).spec, {
    audiences: [],
    expirationSeconds: 1000,
    boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'a', uid: 'uid-of-a' },
  })
  assert.equal((await tokens.tokenFor(pod, projection)).token, 'token-1')
  assert.equal(client.calls.length, 1)
})

test('renews a token when four fifths of its life are over', async () => {
  const { clock, tokens } = fixture()
  await tokens.tokenFor(pod, projection)
  await clock.advance(799_000)
  assert.equal((await tokens.tokenFor(pod, projection)).token, 'token-1')
  await clock.advance(1000)
  assert.equal((await tokens.tokenFor(pod, projection)).token, 'token-2')
})

test('keeps the old token while it is valid and renewing fails', async () => {
  const { client, clock, tokens } = fixture()
  await tokens.tokenFor(pod, projection)
  client.before = () => {
    throw new VkError('Unavailable', 'no API server')
  }
  await clock.advance(900_000)
  const old = await tokens.tokenFor(pod, projection)
  assert.equal(old.token, 'token-1')
  assert.equal(old.refreshAtMs, clock.nowMs() + 30_000)
  await clock.advance(100_000)
  await assert.rejects(tokens.tokenFor(pod, projection), /no API server/)
})

test('has a token of its own for each audience, and none for a released pod', async () => {
  const { tokens } = fixture()
  await tokens.tokenFor(pod, projection)
  const vault = await tokens.tokenFor(pod, { ...projection, audience: 'vault' })
  assert.equal(vault.token, 'token-2')
  tokens.release(pod.metadata.uid)
  assert.equal((await tokens.tokenFor(pod, projection)).token, 'token-3')
})

test('asks again when it is refused only because the API server has not caught up', async () => {
  const { client, clock, tokens } = fixture()
  client.before = () => {
    throw new ApiError(403, 'no relationship found')
  }
  const asked = tokens.tokenFor(pod, projection)
  await clock.advance(100)
  client.before = () => undefined
  await clock.advance(1000)
  assert.equal((await asked).token, 'token-1')
})

test('believes a refusal that lasts', async () => {
  const { client, clock, tokens } = fixture()
  client.before = () => {
    throw new ApiError(403, 'no such right')
  }
  const asked = assert.rejects(tokens.tokenFor(pod, projection), /no such right/)
  for (let second = 0; second < 5; second++) await clock.advance(1000)
  await asked
})
