// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { FakeClock } from '../../../util/fake-clock.ts'
import { sizesInOrder } from './sizes-in-order.ts'

/** Requests that a test answers. */
function engine() {
  const sent: number[] = []
  const answers: PromiseWithResolvers<void>[] = []
  const clock = new FakeClock()
  const leaving = new AbortController()
  const resize = sizesInOrder(
    ({ width }) => {
      sent.push(width)
      const answer = Promise.withResolvers<void>()
      answers.push(answer)
      return answer.promise
    },
    { clock, signal: leaving.signal },
  )
  return { sent, answers, clock, leaving, resize }
}
const refused = new Error('it does not run yet')

test('the newest size is sent last, one at a time, also after one that failed', async () => {
  const { sent, answers, clock, resize } = engine()
  for (const width of [81, 80, 100]) resize({ width, height: 24 })
  assert.deepEqual(sent, [81])
  answers[0]?.reject(refused)
  await clock.advance(20)
  assert.deepEqual(sent, [81, 100])
  answers[1]?.resolve()
  await setImmediate()
  resize({ width: 90, height: 24 })
  await clock.advance(2000)
  assert.deepEqual(sent, [81, 100, 90])
})

test('the last of sizes that came close together is told again, for engines that drop it', async () => {
  const { sent, answers, clock, resize } = engine()
  resize({ width: 101, height: 24 })
  resize({ width: 100, height: 24 })
  for (let tries = 0; tries < 10; tries += 1) {
    answers[tries]?.resolve()
    await clock.advance(1000)
  }
  assert.deepEqual(sent, [101, 100, 100, 100])
  resize({ width: 90, height: 24 })
  answers[4]?.resolve()
  await clock.advance(10_000)
  assert.deepEqual(sent, [101, 100, 100, 100, 90])
})

test('a size that was refused is told again, until the client leaves', async () => {
  const { sent, answers, clock, leaving, resize } = engine()
  resize({ width: 100, height: 24 })
  answers[0]?.reject(refused)
  await clock.advance(20)
  answers[1]?.reject(refused)
  await clock.advance(40)
  answers[2]?.resolve()
  await clock.advance(60_000)
  assert.deepEqual(sent, [100, 100, 100])
  resize({ width: 90, height: 24 })
  answers[3]?.reject(refused)
  await setImmediate()
  leaving.abort()
  await clock.advance(60_000)
  assert.deepEqual(sent, [100, 100, 100, 90])
})

test('a program that never takes a size is not asked for ever', async () => {
  const { sent, answers, clock, resize } = engine()
  resize({ width: 100, height: 24 })
  for (let tries = 0; tries < 100; tries += 1) {
    answers[tries]?.reject(refused)
    await clock.advance(1000)
  }
  assert.equal(sent.length, 16)
})
