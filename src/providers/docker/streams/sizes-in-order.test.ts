// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { sizesInOrder } from './sizes-in-order.ts'

test('the newest size is sent last, one at a time, also after one that failed', async () => {
  const sent: number[] = []
  const answers: PromiseWithResolvers<void>[] = []
  const resize = sizesInOrder(({ width }) => {
    sent.push(width)
    const answer = Promise.withResolvers<void>()
    answers.push(answer)
    return answer.promise
  })
  for (const width of [81, 80, 100]) resize({ width, height: 24 })
  assert.deepEqual(sent, [81])
  answers[0]?.reject(new Error('it does not run yet'))
  await setImmediate()
  assert.deepEqual(sent, [81, 100])
  answers[1]?.resolve()
  await setImmediate()
  resize({ width: 90, height: 24 })
  assert.deepEqual(sent, [81, 100, 90])
})
