// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import {
  appendFileSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { LogDir, asText, entriesOf, everything } from '../../../test/support/log-dir.ts'
import type { LogBatch, LogQuery } from '../../provider/log-feed.ts'
import { systemClock } from '../../util/clock.ts'
import { FakeClock } from '../../util/fake-clock.ts'
import { silentLogger, type Logger } from '../../util/logger.ts'
import { LogIndex } from './log-index.ts'
import { LogStore } from './log-store.ts'
import { LogTailer, indexFileName } from './log-tailer.ts'

const signal = new AbortController().signal
const follow: LogQuery = { ...everything, follow: true }

function openStore(clock = systemClock): LogStore {
  return new LogStore({ clock, log: silentLogger })
}

test('a log that grows is followed by itself, and ends with its run', async () => {
  using log = new LogDir()
  await using store = openStore()
  log.write('stdout', 'before\n')
  store.tail(log.dir)
  const feed = store.read(log.dir, { query: follow, signal })[Symbol.asyncIterator]()
  const next = async (): Promise<LogBatch> => (await feed.next()).value as LogBatch
  assert.deepEqual(asText((await next()).entries), ['o:before'])
  assert.deepEqual(await next(), { entries: [], isLive: true })
  log.write('stderr', 'live\nrest')
  const live = await next()
  assert.deepEqual([asText(live.entries), live.isLive], [['e:live'], true])
  store.finish(log.dir)
  assert.deepEqual(asText((await next()).entries), ['e:rest'])
  assert.equal((await feed.next()).done, true)
})

test('a follower leaves when its signal aborts', async () => {
  using log = new LogDir()
  await using store = openStore()
  store.tail(log.dir)
  const leaving = new AbortController()
  const done = entriesOf(store.read(log.dir, { query: follow, signal: leaving.signal }))
  leaving.abort()
  assert.deepEqual(await done, [])
})

test('lines of both streams keep the order in which they arrived', async () => {
  using log = new LogDir()
  const tailer = new LogTailer(log.dir, new FakeClock())
  for (const [stream, line] of [
    ['stdout', 'a\n'],
    ['stderr', 'b\n'],
    ['stdout', 'c\n'],
  ] as const) {
    log.write(stream, line)
    tailer.catchUp()
  }
  await tailer.index.flush()
  await using store = openStore()
  const entries = await entriesOf(store.read(log.dir, { query: everything, signal }))
  assert.deepEqual(asText(entries), ['o:a', 'e:b', 'o:c'])
})

test('a file that cannot even be looked at does not end its node, nor hold up the other one', () => {
  using log = new LogDir()
  const tailer = new LogTailer(log.dir, new FakeClock())
  const { stderrPath } = tailer
  symlinkSync(stderrPath, stderrPath)
  log.write('stdout', 'a\n')
  tailer.catchUp()
  assert.match(String(tailer.failure), /ELOOP/)
  assert.equal(tailer.index.last.stdoutEnd, 2)
  unlinkSync(stderrPath)
  log.write('stderr', 'b\n')
  tailer.catchUp()
  assert.equal(tailer.failure, undefined)
  assert.equal(tailer.index.last.stderrEnd, 2)
})

test('an index that is torn or lost costs times, never lines', async () => {
  using log = new LogDir()
  const tailer = new LogTailer(log.dir, new FakeClock())
  for (let i = 0; i < 5; i++) {
    log.write('stdout', `${i}\n`)
    tailer.catchUp()
  }
  await tailer.index.flush()
  const path = join(log.dir, indexFileName)
  const whole = readFileSync(path)
  const broken: readonly [string, Buffer][] = [
    ['torn mark', whole.subarray(0, whole.length - 7)],
    ['zeroed end', Buffer.concat([whole.subarray(0, whole.length - 48), Buffer.alloc(48)])],
    ['torn header', whole.subarray(0, 20)],
    ['empty', Buffer.alloc(0)],
    ['nonsense', Buffer.from('x'.repeat(200))],
  ]
  for (const [name, bytes] of broken) {
    writeFileSync(path, bytes)
    await using store = openStore()
    for (let i = 0; i < 2; i++) {
      const entries = await entriesOf(store.read(log.dir, { query: everything, signal }))
      assert.deepEqual(asText(entries), ['o:0', 'o:1', 'o:2', 'o:3', 'o:4'], name)
    }
  }
})

test('a mark in the middle that cannot be read takes no line with it', async () => {
  using log = new LogDir()
  const tailer = new LogTailer(log.dir, new FakeClock())
  for (let i = 0; i < 5; i++) {
    log.write('stdout', `${i}\n`)
    tailer.catchUp()
  }
  await tailer.index.flush()
  const path = join(log.dir, indexFileName)
  const bytes = readFileSync(path)
  bytes.fill(0xff, 40 + 24, 40 + 48)
  writeFileSync(path, bytes)
  await using store = openStore()
  const entries = await entriesOf(store.read(log.dir, { query: everything, signal }))
  assert.deepEqual(asText(entries), ['o:0', 'o:1', 'o:2', 'o:3', 'o:4'])
  const tail = await entriesOf(
    store.read(log.dir, { query: { ...everything, tailLines: 4 }, signal }),
  )
  assert.deepEqual(asText(tail).slice(-4), ['o:1', 'o:2', 'o:3', 'o:4'])
})

test('what was written while nobody looked carries the time of the file', async () => {
  using log = new LogDir()
  const clock = new FakeClock(Date.now() + 3_600_000)
  log.write('stdout', 'missed\n')
  const tailer = new LogTailer(log.dir, clock)
  tailer.start()
  assert.equal(tailer.index.last.timeMs, statSync(log.path('stdout')).mtimeMs)
  tailer.stop()
})

test('the last lines of a large log are found without reading the rest', async () => {
  using log = new LogDir()
  const line = `${'x'.repeat(99)}\n`
  for (let i = 0; i < 64; i++) log.write('stdout', line.repeat(10_000))
  log.write('stdout', 'last\n')
  const tailer = new LogTailer(log.dir, new FakeClock())
  tailer.finish()
  await tailer.index.flush()
  await using store = openStore()
  const query = { ...everything, tailLines: 10 }
  const entries = await entriesOf(store.read(log.dir, { query, signal }))
  assert.equal(asText(entries).at(-1), 'o:last')
  assert(entries.length < 25_000, `${entries.length} entries of 640,001`)
})

test('a slow reader holds the feed up, not the memory', async () => {
  using log = new LogDir()
  const line = `${'x'.repeat(999)}\n`
  for (let i = 0; i < 40; i++) log.write('stdout', line.repeat(1000))
  await using store = openStore()
  let size = 0
  for await (const { entries } of store.read(log.dir, { query: everything, signal })) {
    const batch = entries.reduce((sum, { bytes }) => sum + bytes.length, 0)
    assert(batch <= 1 << 19, `a batch of ${batch} bytes`)
    size += batch
  }
  assert.equal(size, 40_000_000)
})

test('rotation frees the oldest output and keeps the newest readable', async () => {
  using log = new LogDir()
  const warnings: string[] = []
  const logger: Logger = { ...silentLogger, warn: (_fields, message) => warnings.push(message) }
  const clock = new FakeClock()
  await using store = new LogStore({ clock, log: logger, maxBytes: 1 << 20, maxFiles: 3 })
  store.tail(log.dir)
  const line = (i: number): string => `${String(i).padStart(9, '0')} ${'x'.repeat(1013)}\n`
  const follower = entriesOf(store.read(log.dir, { query: follow, signal }))
  let count = 0
  for (let round = 0; round < 80; round++) {
    let text = ''
    for (let i = 0; i < 100; i++) text += line(count++)
    log.write('stdout', text)
    await clock.advance(1000)
    await store.idle()
  }
  const { blocks, size } = statSync(log.path('stdout'))
  assert(size > 8_000_000)
  if (warnings.length === 0) assert(blocks * 512 <= (3 << 20) + 300_000, `${blocks * 512} bytes`)
  const kept = await entriesOf(store.read(log.dir, { query: everything, signal }))
  const numbers = kept.map(({ bytes }) => Number(Buffer.from(bytes).toString('latin1', 0, 9)))
  assert.equal(numbers.at(-1), count - 1)
  assert(numbers.every((number, i) => i === 0 || number === (numbers[i - 1] ?? 0) + 1))
  if (warnings.length === 0) assert(kept.length >= 2000 && kept.length <= 3100, `${kept.length}`)
  store.finish(log.dir)
  assert.equal((await follower).at(-1)?.bytes.length, 1024)
  await store.idle()
  const reopened = new LogIndex(join(log.dir, indexFileName))
  assert.equal(reopened.last.stdoutEnd, size)
})

test('raw output that a power loss cut short is read as far as it goes', async () => {
  using log = new LogDir()
  const tailer = new LogTailer(log.dir, new FakeClock())
  log.write('stdout', 'kept\ncut off\n')
  tailer.finish()
  await tailer.index.flush()
  truncateSync(log.path('stdout'), 5)
  await using store = openStore()
  const entries = await entriesOf(store.read(log.dir, { query: everything, signal }))
  assert.deepEqual(asText(entries), ['o:kept'])
  appendFileSync(log.path('stdout'), '')
})
