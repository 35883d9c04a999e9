// SPDX-License-Identifier: Apache-2.0
// Whatever a container writes, and however often we are killed meanwhile, its log is what it wrote.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { LogDir, entriesOf, everything, type Stream } from '../../../test/support/log-dir.ts'
import type { LogEntry, LogQuery } from '../../provider/log-feed.ts'
import { FakeClock } from '../../util/fake-clock.ts'
import { readLog } from './log-reader.ts'
import { LogTailer } from './log-tailer.ts'
import { maxEntryBytes } from './split-entries.ts'
import { tries } from '../../../test/support/test-size.ts'

type Step =
  | { readonly kind: 'write'; readonly stream: Stream; readonly lengths: readonly number[] }
  | { readonly kind: 'look' | 'flush' | 'kill9' | 'pass' }

const stream = fc.constantFrom<Stream>('stdout', 'stderr')
const lengths = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 0, max: 60 }) },
    { weight: 1, arbitrary: fc.constantFrom(16_383, 16_384, 16_385, 40_000) },
  ),
  { minLength: 1, maxLength: 6 },
)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('write' as const), stream, lengths }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom('look', 'look', 'flush', 'kill9', 'pass') }),
  },
)

/** Lines of the given lengths; the last one has no newline, so that writes meet within lines. */
function textOf(lengths: readonly number[], seed: number): Buffer {
  const lines = lengths.map((length, i) =>
    String.fromCharCode(97 + ((seed + i) % 26)).repeat(length),
  )
  return Buffer.from(lines.join('\n'))
}

/** How one stream is to be cut, by the plainest code that does it. */
function cut(bytes: Buffer): Buffer[] {
  const entries: Buffer[] = []
  for (const line of bytes.toString('latin1').match(/[^\n]*\n|[^\n]+$/g) ?? []) {
    for (let at = 0; at < line.length; at += maxEntryBytes) {
      entries.push(Buffer.from(line.slice(at, at + maxEntryBytes), 'latin1'))
    }
  }
  return entries
}

function bytesOf(entries: readonly LogEntry[], stream: Stream): string[] {
  return entries
    .filter((entry) => entry.stream === stream)
    .map(({ bytes }) => Buffer.from(bytes).toString('latin1'))
}

async function live(steps: readonly Step[], log: LogDir, clock: FakeClock): Promise<LogTailer> {
  let tailer = new LogTailer(log.dir, clock)
  for (const [seed, step] of steps.entries()) {
    if (step.kind === 'write') log.write(step.stream, textOf(step.lengths, seed))
    else if (step.kind === 'look') tailer.catchUp()
    else if (step.kind === 'flush') await tailer.index.flush()
    else if (step.kind === 'pass') await clock.advance(1000)
    else tailer = new LogTailer(log.dir, clock)
  }
  tailer.finish()
  return tailer
}

test('a log read back is what was written, cut into the same entries, in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      using log = new LogDir()
      const tailer = await live(steps, log, new FakeClock())
      const signal = new AbortController().signal
      const entries = await entriesOf(readLog(tailer, { query: everything, signal }))
      for (const stream of ['stdout', 'stderr'] as const) {
        const expected = cut(Buffer.concat(log.written[stream]))
        assert.deepEqual(
          bytesOf(entries, stream),
          expected.map((entry) => entry.toString('latin1')),
        )
      }
      const times = entries.map(({ timeMs }) => timeMs)
      assert.deepEqual(
        times,
        times.toSorted((a, b) => a - b),
      )
    }),
    { seed: 4711, numRuns: tries(150, 30) },
  )
})

test('the hints of a query leave out nothing that is wanted', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 30 }),
      fc.integer({ min: 0, max: 30 }),
      fc.integer({ min: -1, max: 20 }),
      async (steps, tailLines, sinceSteps) => {
        using log = new LogDir()
        const clock = new FakeClock()
        const startMs = clock.nowMs()
        const tailer = await live(steps, log, clock)
        const signal = new AbortController().signal
        const read = async (query: Partial<LogQuery>): Promise<LogEntry[]> =>
          await entriesOf(readLog(tailer, { query: { ...everything, ...query }, signal }))
        const all = await read({})
        const tail = await read({ tailLines })
        assert(tail.length >= Math.min(tailLines, all.length))
        assert.deepEqual(tail, all.slice(all.length - tail.length))
        const sinceMs = startMs + sinceSteps * 1000
        const since = await read({ sinceMs })
        const wanted = all.filter(({ timeMs }) => timeMs >= sinceMs)
        assert(since.length >= wanted.length)
        assert.deepEqual(since, all.slice(all.length - since.length))
      },
    ),
    { seed: 4712, numRuns: tries(100, 20) },
  )
})

test('a follower sees every entry once, whenever it comes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 20 }),
      fc.array(step, { maxLength: 20 }),
      async (before, after) => {
        using log = new LogDir()
        const clock = new FakeClock()
        const tailer = new LogTailer(log.dir, clock)
        const play = async (steps: readonly Step[]): Promise<void> => {
          for (const [seed, step] of steps.entries()) {
            if (step.kind === 'write') log.write(step.stream, textOf(step.lengths, seed))
            else if (step.kind === 'flush') await tailer.index.flush()
            else if (step.kind === 'pass') await clock.advance(0)
            else tailer.catchUp()
          }
        }
        await play(before)
        const query = { ...everything, follow: true }
        const signal = new AbortController().signal
        const followed = entriesOf(readLog(tailer, { query, signal }))
        await play(after)
        tailer.finish()
        const all = await entriesOf(readLog(tailer, { query: everything, signal }))
        assert.deepEqual(await followed, all)
      },
    ),
    { seed: 4713, numRuns: tries(100, 20) },
  )
})
