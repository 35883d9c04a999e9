// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ageOf, humanDuration } from './human-duration.ts'

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

const cases: readonly (readonly [durationMs: number, text: string])[] = [
  [-2 * second, '<invalid>'],
  [-1.9 * second, '0s'],
  [-0.5 * second, '0s'],
  [0, '0s'],
  [999, '0s'],
  [119.9 * second, '119s'],
  [2 * minute, '2m'],
  [2 * minute + second, '2m1s'],
  [9 * minute + 59 * second, '9m59s'],
  [10 * minute + 59 * second, '10m'],
  [179 * minute, '179m'],
  [3 * hour, '3h'],
  [7 * hour + 59 * minute, '7h59m'],
  [8 * hour + 59 * minute, '8h'],
  [47 * hour, '47h'],
  [48 * hour, '2d'],
  [7 * day + 23 * hour, '7d23h'],
  [8 * day + hour, '8d'],
  [2 * 365 * day - hour, '729d'],
  [2 * 365 * day, '2y'],
  [2 * 365 * day + day, '2y1d'],
  [8 * 365 * day - day, '7y364d'],
  [9 * 365 * day + 100 * day, '9y'],
]

for (const [durationMs, text] of cases) {
  test(`shows ${durationMs} ms as ${text}`, () => assert.equal(humanDuration(durationMs), text))
}

test('counts ages from a timestamp, and knows none without one', () => {
  const nowMs = Date.parse('2026-01-02T03:04:05Z')
  assert.equal(ageOf('2026-01-02T03:03:00Z', nowMs), '65s')
  assert.equal(ageOf('2026-01-02T03:04:04.123456Z', nowMs), '0s')
  assert.equal(ageOf(undefined, nowMs), '<unknown>')
})
