// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../util/fake-clock.ts'
import { ReviewCache } from './review-cache.ts'

function cacheOf(maxEntries: number) {
  const options = { clock: new FakeClock(), positiveTtlMs: 1000, negativeTtlMs: 1000, maxEntries }
  return new ReviewCache<string>(options)
}

test('callers who ask the same at once share one review', async () => {
  const cache = cacheOf(10)
  const gate = Promise.withResolvers<void>()
  let reviews = 0
  const review = async () => {
    reviews++
    await gate.promise
    return { value: 'yes', isPositive: true }
  }
  const answers = Promise.all([cache.get('k', review), cache.get('k', review)])
  gate.resolve()
  assert.deepEqual([await answers, reviews], [['yes', 'yes'], 1])
})

test('a flood of bad answers pushes no good one out', async () => {
  const cache = cacheOf(3)
  await cache.get('good', async () => ({ value: 'yes', isPositive: true }))
  for (let i = 0; i < 100; i++) {
    await cache.get(`guess-${i}`, async () => ({ value: 'no', isPositive: false }))
  }
  const answer = await cache.get('good', async () => ({ value: 'asked again', isPositive: true }))
  assert.equal(answer, 'yes')
})

test('the least recently used answer goes first', async () => {
  const cache = cacheOf(2)
  const yes = (value: string) => async () => ({ value, isPositive: true })
  await cache.get('a', yes('a'))
  await cache.get('b', yes('b'))
  await cache.get('a', yes('asked again'))
  await cache.get('c', yes('c'))
  assert.equal(await cache.get('a', yes('asked again')), 'a')
  assert.equal(await cache.get('b', yes('asked again')), 'asked again')
})

test('a review that failed is asked again', async () => {
  const cache = cacheOf(2)
  await assert.rejects(
    cache.get('k', async () => {
      throw new Error('away')
    }),
    /away/,
  )
  assert.equal(await cache.get('k', async () => ({ value: 'yes', isPositive: true })), 'yes')
})
