// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { StoredBatch } from './stored-batch.ts'

/** Chunks of whole lines, with a gap in memory before some of them. */
const layout = fc.array(
  fc.record({
    gap: fc.constantFrom(0, 0, 0, 1),
    lines: fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 5 }),
    stream: fc.constantFrom('stdout' as const, 'stderr' as const),
  }),
  { maxLength: 10 },
)

test('the block of a batch holds the bytes of its entries, however they lie in memory', () => {
  fc.assert(
    fc.property(layout, (places) => {
      const texts = places.map(({ gap, lines }) => [
        '#'.repeat(gap),
        lines.map((length) => `${'x'.repeat(length)}\n`).join(''),
      ])
      const memory = Buffer.from(texts.flat().join(''))
      let at = 0
      const chunks = places.map(({ stream }, i) => {
        const [gap = '', text = ''] = texts[i] ?? []
        at += gap.length + text.length
        return { bytes: memory.subarray(at - text.length, at), stream, timeMs: i }
      })
      const batch = new StoredBatch(chunks, { isLive: false })
      const entries = Buffer.concat(batch.entries.map(({ bytes }) => bytes))
      assert.ok(entries.equals(batch.block))
      assert.equal(batch.entries.length, places.flatMap(({ lines }) => lines).length)
    }),
  )
})

test('chunks that lie one behind the other are not copied', () => {
  const memory = Buffer.from('one\ntwo\nthree\n')
  const chunks = [
    { bytes: memory.subarray(0, 4), stream: 'stdout' as const, timeMs: 1 },
    { bytes: memory.subarray(4, 14), stream: 'stdout' as const, timeMs: 2 },
  ]
  const { block } = new StoredBatch(chunks, { isLive: true })
  assert.equal(block.buffer, memory.buffer)
  assert.equal(Buffer.from(block).toString(), 'one\ntwo\nthree\n')
})
