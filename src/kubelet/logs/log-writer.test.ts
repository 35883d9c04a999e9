// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { LogEntry } from '../../provider/log-feed.ts'
import { LogWriter } from './log-writer.ts'

const lengths = fc.array(fc.integer({ min: 0, max: 9000 }), { maxLength: 30 })
const limits = fc.option(fc.integer({ min: 0, max: 100_000 }), { nil: undefined })

function batchOf(parts: readonly number[]): { block: Buffer; entries: readonly LogEntry[] } {
  const size = parts.reduce((sum, length) => sum + length, 0)
  const block = Buffer.from(Array.from({ length: size }, (_, i) => i % 251))
  let at = 0
  const entries = parts.map((length) => {
    at += length
    return { timeMs: 0, stream: 'stdout' as const, bytes: block.subarray(at - length, at) }
  })
  return { block, entries }
}

test('a batch goes out the same with its block and without, wherever the limit is', () => {
  fc.assert(
    fc.property(lengths, limits, (parts, limitBytes) => {
      const { block, entries } = batchOf(parts)
      const options = { timestamps: false, ...(limitBytes !== undefined && { limitBytes }) }
      for (const batch of [{ entries }, { entries, block }]) {
        const writer = new LogWriter(options)
        const written = Buffer.concat([...writer.writeBatch(batch)])
        assert.ok(written.equals(block.subarray(0, limitBytes ?? block.length)))
        assert.equal(writer.isFull, written.length === limitBytes)
      }
    }),
  )
})

test('timestamps, a time and a stream are looked for in the entries, whatever the block is', () => {
  const entries: readonly LogEntry[] = [
    { timeMs: 1000, stream: 'stdout', bytes: Buffer.from('one\n') },
    { timeMs: 2000, stream: 'stderr', bytes: Buffer.from('two\n') },
  ]
  const batch = { entries, block: Buffer.from('one\ntwo\n') }
  const textOf = (options: Partial<ConstructorParameters<typeof LogWriter>[0]>): string => {
    const writer = new LogWriter({ timestamps: false, ...options })
    return Buffer.concat([...writer.writeBatch(batch)]).toString()
  }
  assert.equal(textOf({ sinceMs: 1500 }), 'two\n')
  assert.equal(textOf({ stream: 'stderr', sinceMs: 3000 }), '')
  assert.match(textOf({ timestamps: true }), /^1970\S+Z one\n1970\S+Z two\n$/)
})
