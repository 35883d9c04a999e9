// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { parseRfc3339, TimestampFormatter } from './rfc3339.ts'

test('a time is written with nine digits in UTC', () => {
  const formatter = new TimestampFormatter()
  const timeMs = Date.UTC(2026, 0, 31, 23, 59, 59)
  assert.equal(formatter.format(timeMs), '2026-01-31T23:59:59.000000000Z')
  assert.equal(formatter.format(timeMs + 0.007), '2026-01-31T23:59:59.000007000Z')
  assert.equal(formatter.format(timeMs + 999.9999), '2026-02-01T00:00:00.000000000Z')
  assert.equal(formatter.format(timeMs), '2026-01-31T23:59:59.000000000Z')
  assert.equal(formatter.format(-1), '1969-12-31T23:59:59.999000000Z')
})

test('what is written is read back', () => {
  const formatter = new TimestampFormatter()
  const range = { min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }
  fc.assert(
    fc.property(fc.date(range), (date) => {
      assert.equal(parseRfc3339(formatter.format(date.getTime())), date.getTime())
    }),
    { seed: 2 },
  )
})

test('an offset moves the time', () => {
  assert.equal(parseRfc3339('2026-01-01T00:00:00-23:59'), Date.UTC(2026, 0, 1, 23, 59))
  assert.equal(parseRfc3339('2026-01-01T00:00:00+00:60'), undefined)
  assert.equal(parseRfc3339('2026-01-01T00:00:00+25:00'), undefined)
})
