// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { wireMicroTime, wireTime, parseWireMicroTime } from './wire-time.ts'

test('writes conditions to the second and leases to the microsecond', () => {
  assert.equal(wireTime(Date.UTC(2026, 0, 2, 3, 4, 5, 678)), '2026-01-02T03:04:05Z')
  const micros = Date.UTC(2026, 0, 2, 3, 4, 5) * 1000 + 42
  assert.equal(wireMicroTime(micros), '2026-01-02T03:04:05.000042Z')
})

test('reads what the API server may write', () => {
  const second = Date.UTC(2026, 0, 2, 3, 4, 5) * 1000
  assert.equal(parseWireMicroTime('2026-01-02T03:04:05Z'), second)
  assert.equal(parseWireMicroTime('2026-01-02T03:04:05.5Z'), second + 500_000)
  assert.equal(parseWireMicroTime('2026-01-02T05:04:05.000001+02:00'), second + 1)
  assert.equal(parseWireMicroTime('yesterday'), undefined)
  assert.equal(parseWireMicroTime(''), undefined)
})

test('reads back every microsecond it writes', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4e15 }), (micros) => {
      assert.equal(parseWireMicroTime(wireMicroTime(micros)), micros)
    }),
    { seed: 11 },
  )
})
