// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { FakeEngine, json } from '../../../test/support/fake-engine.ts'
import type { Engine } from './engine/connect-engine.ts'
import { nodeFigures } from './node-figures.ts'

const { signal } = new AbortController()

async function figuresOf(fake: FakeEngine, parts: Partial<Engine>) {
  const { client, clock } = fake
  const engine = { client, ...parts } as Engine
  const place = { rootDir: tmpdir(), clock, sinceMs: clock.nowMs() }
  return await nodeFigures(engine, place, signal)
}

test('an engine elsewhere has its own figures, and none of this machine', async () => {
  await using fake = await FakeEngine.open()
  const since = { startTime: '2026-01-01T00:00:00.000Z' }
  assert.deepEqual(await figuresOf(fake, { isLocal: false, kind: 'docker' }), since)
  const store = { graphRootAllocated: 1000, graphRootUsed: 400 }
  fake.answers.set('GET /v4.0.0/libpod/info', json({ store }))
  const fs = { time: since.startTime, capacityBytes: 1000, usedBytes: 400 }
  assert.deepEqual(await figuresOf(fake, { isLocal: false, kind: 'podman' }), { ...since, fs })
  fake.answers.set('GET /v4.0.0/libpod/info', json({ store: {} }))
  assert.deepEqual(await figuresOf(fake, { isLocal: false, kind: 'podman' }), since)
})

test('one on this machine has the disk of its images beside the machine’s figures', async () => {
  await using fake = await FakeEngine.open()
  const info = { NCPU: 1, MemTotal: 1, DockerRootDir: tmpdir() }
  const { memory, runtime } = await figuresOf(fake, { isLocal: true, kind: 'docker', info })
  assert.ok((memory?.workingSetBytes ?? 0) > 0)
  assert.ok((runtime?.imageFs?.capacityBytes ?? 0) > 0)
  // What images take of it is not what the disk has used.
  assert.equal(runtime?.imageFs?.usedBytes, undefined)
  const hidden = { ...info, DockerRootDir: '/nonexistent' }
  const figures = await figuresOf(fake, { isLocal: true, kind: 'docker', info: hidden })
  assert.equal(figures.runtime, undefined)
})
