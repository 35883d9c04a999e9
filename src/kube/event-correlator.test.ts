// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { FakeClock } from '../util/fake-clock.ts'
import { EventCorrelator } from './event-correlator.ts'

const pod = { kind: 'Pod', namespace: 'team', name: 'web', uid: 'u1', apiVersion: 'v1' }
const backOff = (message: string) => ({ type: 'Warning', reason: 'BackOff', message }) as const

test('counts repetitions of one event up', async () => {
  const clock = new FakeClock()
  const correlator = new EventCorrelator(clock)
  const first = correlator.take(pod, backOff('again'))
  await clock.advance(5000)
  const second = correlator.take(pod, backOff('again'))
  assert.equal(second, first)
  assert.equal(second?.count, 2)
  assert.equal(second.lastMs - second.firstMs, 5000)
  assert.equal(correlator.take(pod, backOff('other'))?.count, 1)
})

test('names an event after its object and the time, and never twice the same', () => {
  const clock = new FakeClock(Date.UTC(2026, 0, 1))
  const correlator = new EventCorrelator(clock)
  const nanos = BigInt(clock.nowMs()) * 1_000_000n
  assert.equal(correlator.take(pod, backOff('a'))?.name, `web.${nanos.toString(16)}`)
  assert.equal(correlator.take(pod, backOff('b'))?.name, `web.${(nanos + 1n).toString(16)}`)
  const long = { ...pod, name: 'x'.repeat(250) }
  assert.match(correlator.take(long, backOff('a'))?.name ?? '', /^[0-9a-f-]{36}$/)
})

test('keeps events about nodes in the namespace default', () => {
  const correlator = new EventCorrelator(new FakeClock())
  assert.equal(correlator.take({ kind: 'Node', name: 'n' }, backOff('x'))?.namespace, 'default')
  assert.equal(correlator.take(pod, backOff('x'))?.namespace, 'team')
})

test('folds many different messages of one reason into one event', async () => {
  const clock = new FakeClock()
  const correlator = new EventCorrelator(clock)
  const messages: string[] = []
  const names = new Set<string>()
  for (let i = 0; i < 15; i++) {
    const series = correlator.take(pod, backOff(`try ${i}`))
    messages.push(series?.message ?? '')
    names.add(series?.name ?? '')
  }
  assert.equal(messages[8], 'try 8')
  assert.equal(messages[9], '(combined from similar events): try 9')
  assert.equal(messages[14], '(combined from similar events): try 14')
  assert.equal(names.size, 10)
  const other = { ...backOff('x'), reason: 'FailedMount' }
  assert.equal(correlator.take(pod, other)?.message, 'x')
  await clock.advance(601_000)
  assert.equal(correlator.take(pod, backOff('later'))?.message, 'later')
})

test('lets 25 events of an object through at once, then one in five minutes', async () => {
  const clock = new FakeClock()
  const correlator = new EventCorrelator(clock)
  const passed = (): boolean => correlator.take(pod, backOff('x')) !== undefined
  assert.deepEqual(Array.from({ length: 27 }, passed).lastIndexOf(true), 24)
  assert.ok(correlator.take({ ...pod, uid: 'u2' }, backOff('x')))
  await clock.advance(299_000)
  assert.equal(passed(), false)
  await clock.advance(2000)
  assert.equal(passed(), true)
  assert.equal(passed(), false)
})

test('never lets more through than the limit, and counts each repetition once', () => {
  const message = fc.constantFrom('a', 'b', 'c')
  fc.assert(
    fc.property(fc.array(message, { maxLength: 60 }), (messages) => {
      const correlator = new EventCorrelator(new FakeClock())
      const taken = messages.map((text) => correlator.take(pod, backOff(text)))
      const passed = taken.filter((series) => series !== undefined)
      assert.equal(passed.length, Math.min(25, messages.length))
      for (const series of new Set(passed)) {
        const repetitions = messages.filter((text) => text === series.message).length
        assert.equal(series.count, repetitions)
      }
    }),
    { seed: 5 },
  )
})
