// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { buildPod } from '../../../test/support/build-pod.ts'
import type { Clock } from '../../util/clock.ts'
import { FakeClock } from '../../util/fake-clock.ts'
import { volumeDir } from '../pod-dirs.ts'
import { StorageMeter } from './storage-meter.ts'

const { signal } = new AbortController()
const pod = buildPod({ spec: { volumes: [{ name: 'data', emptyDir: {} }] } })

async function rootDirOf(t: TestContext): Promise<string> {
  const rootDir = await mkdtemp(join(tmpdir(), 'vk-meter-'))
  t.after(() => rm(rootDir, { recursive: true, force: true }))
  return rootDir
}

async function write(rootDir: string, bytes: number): Promise<void> {
  const dir = volumeDir(rootDir, { uid: pod.metadata.uid, volume: 'data' })
  await mkdir(dir, { recursive: true })
  await writeFile(join(dir, 'file'), Buffer.alloc(bytes, 1))
}

test('callers at the same time share one walk, and a fresh figure needs none', async (t) => {
  const rootDir = await rootDirOf(t)
  const clock = new FakeClock()
  using meter = new StorageMeter({ clock, rootDir })
  await write(rootDir, 100_000)
  const fresh = { maxAgeMs: 5000, signal }
  const [one, other] = await Promise.all([meter.storageOf(pod, fresh), meter.storageOf(pod, fresh)])
  assert.equal(one, other)
  assert.ok((one.volumes.get('data')?.usedBytes ?? 0) >= 100_000)
  assert.equal(await meter.storageOf(pod, fresh), one)
  await write(rootDir, 200_000)
  await clock.advance(5001)
  const later = await meter.storageOf(pod, fresh)
  assert.ok((later.volumes.get('data')?.usedBytes ?? 0) >= 200_000)
})

test('a caller that goes away takes the walk from nobody else', async (t) => {
  const rootDir = await rootDirOf(t)
  using meter = new StorageMeter({ clock: new FakeClock(), rootDir })
  await write(rootDir, 100_000)
  const leaving = new AbortController()
  const first = meter.storageOf(pod, { maxAgeMs: 0, signal: leaving.signal })
  const second = meter.storageOf(pod, { maxAgeMs: 0, signal })
  leaving.abort(new Error('gone'))
  await assert.rejects(first, { message: 'gone' })
  assert.ok(((await second).volumes.get('data')?.usedBytes ?? 0) >= 100_000)
})

test('a walk that took long is not repeated for twenty times as long', async (t) => {
  const rootDir = await rootDirOf(t)
  const clock = new FakeClock()
  // Each look at the stopwatch is a minute after the one before.
  let minutes = 0
  const slow: Clock = {
    nowMs: () => clock.nowMs(),
    monotonicMs: () => clock.monotonicMs() + 60_000 * minutes++,
    setTimer: (delayMs, fire) => clock.setTimer(delayMs, fire),
    sleep: (delayMs, options) => clock.sleep(delayMs, options),
  }
  using meter = new StorageMeter({ clock: slow, rootDir })
  const first = await meter.storageOf(pod, { maxAgeMs: 0, signal })
  await clock.advance(18 * 60_000)
  assert.equal(await meter.storageOf(pod, { maxAgeMs: 0, signal }), first)
  await clock.advance(2 * 60_000)
  assert.notEqual(await meter.storageOf(pod, { maxAgeMs: 0, signal }), first)
})

test('a clock that is set back does not make an old figure fresh', async (t) => {
  const rootDir = await rootDirOf(t)
  const clock = new FakeClock()
  let setBackMs = 0
  const wall: Clock = {
    nowMs: () => clock.nowMs() - setBackMs,
    monotonicMs: () => clock.monotonicMs(),
    setTimer: (delayMs, fire) => clock.setTimer(delayMs, fire),
    sleep: (delayMs, options) => clock.sleep(delayMs, options),
  }
  using meter = new StorageMeter({ clock: wall, rootDir })
  const fresh = { maxAgeMs: 5000, signal }
  const first = await meter.storageOf(pod, fresh)
  setBackMs = 3_600_000
  await clock.advance(5001)
  assert.notEqual(await meter.storageOf(pod, fresh), first)
})
