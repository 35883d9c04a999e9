// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../util/fake-clock.ts'
import { silentLogger } from '../util/logger.ts'
import { VkError } from '../util/vk-error.ts'
import { HealthCheck } from './health-check.ts'

function setUp(ping: (context: { signal: AbortSignal }) => Promise<void>) {
  const clock = new FakeClock()
  const changes: (string | undefined)[] = []
  const health: HealthCheck = new HealthCheck(ping, {
    clock,
    log: silentLogger,
    intervalMs: 10_000,
    timeoutMs: 10_000,
    onChange: () => changes.push(health.obstacle),
  })
  return { clock, changes, health, [Symbol.asyncDispose]: () => health[Symbol.asyncDispose]() }
}

test('asks every 10 s and tells only when the verdict turns', async () => {
  let asked = 0
  let why = ''
  await using t = setUp(() => {
    asked++
    return why === '' ? Promise.resolve() : Promise.reject(new VkError('Unavailable', why))
  })
  t.health.start()
  await t.clock.advance(0)
  await t.health.whenKnown
  await t.clock.advance(30_000)
  assert.equal(asked, 4)
  assert.deepEqual(t.changes, [])
  why = 'Cannot reach the engine: refused'
  await t.clock.advance(20_000)
  assert.deepEqual(t.changes, [why])
  why = ''
  await t.clock.advance(10_000)
  assert.deepEqual(t.changes, ['Cannot reach the engine: refused', undefined])
})

test('never asks twice at once, even a backend that ignores its signal (TestNodePingSingleInflight)', async () => {
  let asked = 0
  const answer = Promise.withResolvers<void>()
  await using t = setUp(() => {
    asked++
    return asked === 1 ? answer.promise : Promise.resolve()
  })
  t.health.start()
  await t.clock.advance(9_000)
  assert.deepEqual(t.changes, [])
  await t.clock.advance(51_000)
  assert.equal(asked, 1)
  assert.deepEqual(t.changes, ['provider did not answer its health check for 10s'])
  answer.resolve()
  await t.clock.advance(0)
  assert.equal(t.changes.at(-1), undefined, 'a late answer is an answer')
  await t.clock.advance(10_000)
  assert.equal(asked, 2)
})

test('tells the backend to stop when time is up', async () => {
  let reason: unknown
  await using t = setUp(
    ({ signal }) =>
      new Promise((_, reject) =>
        signal.addEventListener('abort', () => {
          reason = signal.reason
          reject(reason)
        }),
      ),
  )
  t.health.start()
  await t.clock.advance(10_000)
  assert.ok(reason instanceof VkError && reason.code === 'Timeout')
})

test('ends while the backend hangs', async () => {
  const t = setUp(() => new Promise(() => {}))
  t.health.start()
  await t.clock.advance(0)
  await t[Symbol.asyncDispose]()
  assert.equal(t.clock.pending, 0)
})
