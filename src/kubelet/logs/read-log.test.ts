// SPDX-License-Identifier: Apache-2.0
// The log reader against a model that does the same the long way round: all in memory, one string.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { LogBatch, LogEntry } from '../../provider/log-feed.ts'
import { readLog } from './read-log.ts'
import type { ReadLogOptions } from './read-log.ts'
import { tries } from '../../../test/support/test-size.ts'

const startMs = Date.UTC(2026, 0, 1)

function entry(text: string, at = 0, stream: LogEntry['stream'] = 'stdout'): LogEntry {
  return { timeMs: startMs + at, stream, bytes: Buffer.from(text) }
}

async function* feed(batches: readonly LogBatch[]): AsyncGenerator<LogBatch> {
  yield* batches
}

async function outputOf(
  batches: readonly LogBatch[],
  options: Partial<ReadLogOptions>,
): Promise<string> {
  const complete = { follow: false, timestamps: false, ...options }
  // Without follow a provider hands over only what is stored.
  const open = ({ follow }: { readonly follow: boolean }) =>
    feed(follow ? batches : batches.filter(({ isLive }) => !isLive))
  const pieces: Uint8Array[] = []
  for await (const piece of readLog(open, complete)) pieces.push(piece)
  return Buffer.concat(pieces).toString()
}

function model(batches: readonly LogBatch[], options: ReadLogOptions): string {
  const { follow, limitBytes, sinceMs, stream, tailLines, timestamps } = options
  const stored = batches.filter(({ isLive }) => !isLive).flatMap(({ entries }) => entries)
  const live = batches.filter(({ isLive }) => isLive).flatMap(({ entries }) => entries)
  const tail =
    tailLines === undefined
      ? stored
      : stored.slice(stored.length - Math.min(stored.length, tailLines))
  const chosen = follow ? [...tail, ...live] : tail
  const output = chosen.map(({ bytes, stream: from, timeMs }, i) => {
    if (sinceMs !== undefined && timeMs < sinceMs) return ''
    if (stream && from !== stream) return ''
    const before = chosen[i - 1]?.bytes
    const isLineStart = !before || before.length === 0 || before.at(-1) === 10
    const time = `${new Date(timeMs).toISOString().slice(0, -1)}000000Z `
    return (timestamps && isLineStart ? time : '') + Buffer.from(bytes).toString('latin1')
  })
  return output.join('').slice(0, limitBytes)
}

const stored = {
  isLive: false,
  entries: [entry('one\n', 1), entry('two\n', 2), entry('three\n', 3)],
}

test('a tail is chosen before older entries are dropped and the output is cut', async () => {
  assert.equal(await outputOf([stored], { tailLines: 2 }), 'two\nthree\n')
  assert.equal(await outputOf([stored], { tailLines: 2, sinceMs: startMs + 3 }), 'three\n')
  assert.equal(await outputOf([stored], { tailLines: 2, limitBytes: 6 }), 'two\nth')
  assert.equal(await outputOf([stored], { tailLines: 9 }), 'one\ntwo\nthree\n')
})

test('a tail of no lines is nothing, or only what comes when it is followed', async () => {
  const live = { isLive: true, entries: [entry('live\n', 4)] }
  assert.equal(await outputOf([stored, live], { tailLines: 0 }), '')
  assert.equal(await outputOf([stored, live], { tailLines: 0, follow: true }), 'live\n')
})

test('timestamps stand at line starts only and count for the limit', async () => {
  const parts = {
    isLive: false,
    entries: [entry('part, ', 1), entry('rest\n', 2), entry('end', 3)],
  }
  const first = '2026-01-01T00:00:00.001000000Z part, rest\n'
  const second = '2026-01-01T00:00:00.003000000Z end'
  assert.equal(await outputOf([parts], { timestamps: true }), first + second)
  assert.equal(await outputOf([parts], { timestamps: true, limitBytes: 35 }), first.slice(0, 35))
  assert.equal(
    await outputOf([parts], { timestamps: true, sinceMs: startMs + 2 }),
    `rest\n${second}`,
  )
})

test('entries larger than a piece and empty ones are kept', async () => {
  const large = 'x'.repeat(700_000)
  const entries = [entry('a'), entry(''), entry(large), entry('b')]
  assert.equal(await outputOf([{ isLive: false, entries }], {}), `a${large}b`)
})

test('a log that is followed stops being read once the limit is reached', async () => {
  let hasEnded = false
  const endless = async function* (): AsyncGenerator<LogBatch> {
    try {
      for (;;) yield { isLive: true, entries: [entry('x')] }
    } finally {
      hasEnded = true
    }
  }
  let bytes = 0
  const options = { follow: true, timestamps: false, limitBytes: 5 }
  for await (const piece of readLog(endless, options)) bytes += piece.length
  assert.deepEqual([bytes, hasEnded], [5, true])
})

test('a tail too large for memory is read a second time', async () => {
  let opened = 0
  const open = () => {
    opened++
    return feed([stored, { isLive: true, entries: [entry('live\n')] }])
  }
  let output = ''
  const options = { follow: true, timestamps: false, tailLines: 2, maxTailBytes: 200 }
  for await (const piece of readLog(open, options)) output += Buffer.from(piece).toString()
  assert.deepEqual([output, opened], ['two\nthree\nlive\n', 2])
})

test('any log reads as the model says', async () => {
  const text = fc.oneof(
    fc.string({ maxLength: 6 }),
    fc.string({ maxLength: 6 }).map((s) => `${s}\n`),
  )
  const anyEntry = fc.record({
    timeMs: fc.integer({ min: 0, max: 20 }).map((at) => startMs + at),
    stream: fc.constantFrom('stdout' as const, 'stderr' as const),
    bytes: text.map((s) => Buffer.from(s, 'latin1')),
  })
  const batches = (isLive: boolean) =>
    fc.array(fc.record({ isLive: fc.constant(isLive), entries: fc.array(anyEntry) }))
  const options = fc.record(
    {
      follow: fc.boolean(),
      timestamps: fc.boolean(),
      tailLines: fc.integer({ min: 0, max: 12 }),
      sinceMs: fc.integer({ min: 0, max: 20 }).map((at) => startMs + at),
      limitBytes: fc.integer({ min: 1, max: 120 }),
      stream: fc.constantFrom('stdout' as const, 'stderr' as const),
      maxTailBytes: fc.integer({ min: 0, max: 1500 }),
    },
    { requiredKeys: ['follow', 'timestamps'] },
  )
  await fc.assert(
    fc.asyncProperty(batches(false), batches(true), options, async (before, live, wanted) => {
      const all = [...before, ...live]
      const open = ({ follow }: { readonly follow: boolean }) => feed(follow ? all : before)
      const pieces: Uint8Array[] = []
      for await (const piece of readLog(open, wanted)) pieces.push(piece)
      assert.equal(Buffer.concat(pieces).toString('latin1'), model(all, wanted))
    }),
    { seed: 3, numRuns: tries(1500, 300) },
  )
})
