// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { backoffMs } from './backoff.ts'

const options = { baseMs: 100, factor: 2, capMs: 10_000, jitter: 0.25 }

test('doubles from the base up to the cap when chance takes nothing off', () => {
  const delays = [1, 2, 3, 7, 8, 1000, 100_000].map((n) => backoffMs(n, options, () => 0))
  assert.deepEqual(delays, [100, 200, 400, 6400, 10_000, 10_000, 10_000])
})

test('waits for nothing before the first failure', () => {
  assert.equal(backoffMs(0, options), 0)
})

test('stays within the jitter below the exponential delay, and never above the cap', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5000 }),
      fc.integer({ min: 1, max: 10_000 }),
      fc.double({ min: 1, max: 10, noNaN: true }),
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      (failures, baseMs, factor, capMs, jitter, chance) => {
        const delay = backoffMs(failures, { baseMs, factor, capMs, jitter }, () => chance)
        const full = Math.min(baseMs * factor ** (failures - 1), capMs)
        assert.ok(delay <= full && delay >= full * (1 - jitter) - 1e-6)
      },
    ),
    { seed: 1 },
  )
})
