// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { LogEntry } from '../../../provider/log-feed.ts'
import { systemClock } from '../../../util/clock.ts'
import { silentLogger } from '../../../util/logger.ts'
import { readLogFile } from './k8s-file-log.ts'

const context = { signal: new AbortController().signal, log: silentLogger }
const stored = { previous: false, follow: false }

function textOf(entries: readonly LogEntry[]): readonly string[] {
  return entries.map(({ stream, bytes }) => `${stream} ${Buffer.from(bytes).toString()}`)
}

test('entries have their stream, their exact time, and parts of a line no break', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vk-k8s-file-'))
  const path = join(folder, 'ctr.log')
  writeFileSync(
    path,
    '2026-01-01T00:00:00.123456789Z stdout P one\n' +
      '2026-01-01T00:00:00.123456790Z stdout F  two\n' +
      'nonsense\n' +
      '2026-01-01T01:00:01.5+01:00 stderr F \n' +
      '2026-01-01T00:00:02Z stdout F cut o',
  )
  try {
    const log = { path, clock: systemClock, hasEnded: () => Promise.resolve(true) }
    const entries: LogEntry[] = []
    for await (const batch of readLogFile(log, stored, context)) entries.push(...batch.entries)
    assert.deepEqual(textOf(entries), ['stdout one', 'stdout  two\n', 'stderr \n'])
    const zeroMs = Date.parse('2026-01-01T00:00:00Z')
    const times = entries.map(({ timeMs }) => Number((timeMs - zeroMs).toFixed(3)))
    assert.deepEqual(times, [123.457, 123.457, 1500])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a follower gets what comes, also in a file that is begun anew, until the run has ended', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vk-k8s-file-'))
  const path = join(folder, 'ctr.log')
  const line = (text: string): string => `2026-01-01T00:00:00Z stdout F ${text}\n`
  writeFileSync(path, line('first'))
  let looks = 0
  const hasEnded = (): Promise<boolean> => {
    looks += 1
    if (looks === 1) appendFileSync(path, line('second'))
    if (looks === 2) {
      writeFileSync(`${path}.new`, line('third'))
      renameSync(`${path}.new`, path)
    }
    return Promise.resolve(looks >= 3)
  }
  try {
    const entries: LogEntry[] = []
    const log = { path, clock: systemClock, hasEnded }
    for await (const batch of readLogFile(log, { ...stored, follow: true }, context)) {
      entries.push(...batch.entries)
    }
    assert.deepEqual(textOf(entries), ['stdout first\n', 'stdout second\n', 'stdout third\n'])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
