// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { FakeContainerRuntime } from '../../test/support/fake-container-runtime.ts'
import { FakeClock } from '../util/fake-clock.ts'
import { silentLogger } from '../util/logger.ts'
import { ContainerStops } from './container-stops.ts'

const key = { pod: { namespace: 'ns', name: 'p', uid: 'u' }, name: 'main', attempt: 0 }

function setUp() {
  const clock = new FakeClock()
  const runtime = new FakeContainerRuntime(clock)
  const never = new Promise<void>(() => {})
  const told: string[] = []
  const answers: Promise<void>[] = []
  runtime.stopContainer = (stopped, { graceMs }) => {
    runtime.stops.push({ key: stopped, graceMs })
    return answers.shift() ?? never
  }
  const stops = new ContainerStops(runtime, {
    clock,
    hooks: {
      isGone: async () => told.length > 0,
      settled: () => told.push('settled'),
      failed: (_key, error) => told.push(String(error)),
    },
  })
  const context = { signal: new AbortController().signal, log: silentLogger }
  const order = (graceMs: number): boolean => stops.order({ key, graceMs }, context)
  return { clock, runtime, stops, told, answers, order }
}

test('a stop that never comes back is ordered again a minute after its grace', async () => {
  const { clock, runtime, stops, order } = setUp()
  assert.equal(order(30_000), true)
  assert.equal(stops.retryAtMs, clock.nowMs() + 90_000)
  await clock.advance(89_999)
  assert.equal(order(2000), false)
  await clock.advance(1)
  order(2000)
  assert.deepEqual(
    runtime.stops.map(({ graceMs }) => graceMs),
    [30_000, 2000],
  )
})

test('a stop that changes nothing counts as failed, and is not repeated at once', async () => {
  const { clock, runtime, stops, told, answers, order } = setUp()
  answers.push(Promise.resolve(), Promise.resolve())
  order(2000)
  await turn()
  assert.deepEqual(told, ['Error: it is still listed as running'])
  assert.equal(order(2000), false)
  assert.equal(stops.retryAtMs, clock.nowMs() + 5000)
  await clock.advance(5000)
  order(2000)
  await turn()
  assert.deepEqual(told.slice(1), ['settled'])
  assert.equal(runtime.stops.length, 2)
  assert.equal(stops.retryAtMs, undefined)
})

test('a failed stop that nobody orders again is forgotten', async () => {
  const { stops, answers, order } = setUp()
  answers.push(Promise.reject(new Error('busy')))
  order(2000)
  await turn()
  stops.prune()
  assert.notEqual(stops.retryAtMs, undefined)
  stops.prune()
  assert.equal(stops.retryAtMs, undefined)
})
