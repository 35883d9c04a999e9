// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { singleFlight, withDeadline } from './deadline.ts'
import { FakeClock } from './fake-clock.ts'
import { untilAborted } from './until-aborted.ts'

test('a call that does not answer is given up, and told so', async () => {
  const clock = new FakeClock()
  let seen: AbortSignal | undefined
  const call = withDeadline(
    (signal) => {
      seen = signal
      return new Promise<void>(() => {})
    },
    { clock, timeoutMs: 30_000, message: 'no answer' },
  )
  const refused = assert.rejects(call, { code: 'Timeout', message: 'no answer' })
  await clock.advance(30_000)
  await refused
  assert.equal(seen?.aborted, true)
  assert.equal(clock.pending, 0)
})

test('an answer in time leaves no timer and no abort', async () => {
  const clock = new FakeClock()
  let seen: AbortSignal | undefined
  const answer = await withDeadline(
    async (signal) => {
      seen = signal
      return await Promise.resolve('answer')
    },
    { clock, timeoutMs: 30_000, message: 'no answer' },
  )
  assert.equal(answer, 'answer')
  assert.equal(clock.pending, 0)
  assert.equal(seen?.aborted, false)
})

test("the caller's abort ends the wait with its own reason", async () => {
  const abort = new AbortController()
  const reason = new Error('enough')
  const call = withDeadline(() => new Promise<void>(() => {}), {
    clock: new FakeClock(),
    timeoutMs: 30_000,
    message: 'no answer',
    signal: abort.signal,
  })
  abort.abort(reason)
  await assert.rejects(call, reason)
})

test('who asks while a call runs shares its answer; after it another is made', async () => {
  const clock = new FakeClock()
  let calls = 0
  const gate = Promise.withResolvers<number>()
  const ask = singleFlight(() => {
    calls++
    return gate.promise
  })
  const options = { clock, timeoutMs: 1000, message: 'no answer' }
  const both = Promise.all([ask(options), ask(options)])
  gate.resolve(7)
  assert.deepEqual(await both, [7, 7])
  assert.equal(calls, 1)
  await ask(options)
  assert.equal(calls, 2)
})

test('a promise that fails after the signal was aborted has a taker', async () => {
  const late = Promise.withResolvers<void>()
  const waiting = untilAborted(late.promise, AbortSignal.abort(new Error('enough')))
  late.reject(new Error('too late'))
  await assert.rejects(waiting, /enough/)
})
