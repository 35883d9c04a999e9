// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { LogEntry } from '../../provider/log-feed.ts'
import { LogWriter } from './log-writer.ts'
import { longRuns } from './long-runs.ts'

/** Where entries lie in one block, with gaps between some of them. */
const layout = fc.array(
  fc.record({ gap: fc.constantFrom(0, 0, 0, 0, 1), length: fc.integer({ min: 0, max: 9000 }) }),
  { maxLength: 30 },
)

function entriesOf(
  places: readonly { readonly gap: number; readonly length: number }[],
): LogEntry[] {
  const size = places.reduce((sum, { gap, length }) => sum + gap + length, 0)
  const block = Buffer.from(Array.from({ length: size }, (_, i) => i % 251))
  let at = 0
  return places.map(({ gap, length }) => {
    at += gap + length
    return { timeMs: 0, stream: 'stdout', bytes: block.subarray(at - length, at) }
  })
}

test('a run holds the bytes of its entries, and no entry is in two runs', () => {
  fc.assert(
    fc.property(layout, (places) => {
      const entries = entriesOf(places)
      let last = 0
      for (const { bytes, end, start } of longRuns(entries)) {
        assert.ok(start >= last && end > start)
        last = end
        const expected = Buffer.concat(entries.slice(start, end).map((entry) => entry.bytes))
        assert.ok(expected.equals(bytes))
      }
    }),
  )
})

test('lines that lie together are one run', () => {
  const entries = entriesOf(Array.from({ length: 1000 }, () => ({ gap: 0, length: 80 })))
  assert.deepEqual(
    [...longRuns(entries)].map(({ bytes, end, start }) => [start, end, bytes.length]),
    [[0, 1000, 80_000]],
  )
})

test('however entries lie, and wherever the limit is, what goes out is their bytes', () => {
  fc.assert(
    fc.property(layout, fc.option(fc.integer({ min: 0, max: 100_000 })), (places, limit) => {
      const entries = entriesOf(places)
      const writer = new LogWriter({
        timestamps: false,
        ...(limit !== null && { limitBytes: limit }),
      })
      const written = Buffer.concat([...writer.write(entries)])
      const all = Buffer.concat(entries.map(({ bytes }) => bytes))
      assert.ok(written.equals(all.subarray(0, limit ?? all.length)))
    }),
  )
})
