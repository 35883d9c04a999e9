// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { FakeEngine, json } from '../../../test/support/fake-engine.ts'
import { podDir } from '../../runtime/pod-dirs.ts'
import { silentLogger } from '../../util/logger.ts'
import { sandboxLabels } from './container/container-labels.ts'
import { ContainerTable } from './container/container-table.ts'
import { OutOfMemory } from './container/out-of-memory.ts'
import type { Engine } from './engine/connect-engine.ts'
import type { ContainerSummary } from './engine/engine-objects.ts'
import { keepHouse, type HousekeepingParts } from './housekeeping.ts'

const owner = { nodeName: 'node-a', clusterId: 'cluster' }
const dayMs = 86_400_000

/** A sandbox that was made so long before `nowMs`. */
function sandbox(uid: string, createdMs: number, own = owner): ContainerSummary {
  return {
    Id: `sandbox-${uid}`,
    Names: [],
    Image: '',
    ImageID: '',
    Labels: sandboxLabels(own, { namespace: 'n', name: uid, uid }),
    State: 'running',
    Created: createdMs / 1000,
  }
}

test('what a crash has left goes within minutes, and nothing that is known, new or another node’s', async () => {
  await using fake = await FakeEngine.open()
  const { client, clock } = fake
  const rootDir = mkdtempSync(join(tmpdir(), 'vk-house-'))
  try {
    mkdirSync(podDir(rootDir, 'known'), { recursive: true })
    await clock.advance(dayMs)
    const [longAgoMs, nowMs] = [clock.nowMs() - dayMs, clock.nowMs()]
    const all = [
      sandbox('left', longAgoMs),
      sandbox('known', longAgoMs),
      sandbox('new', nowMs),
      sandbox('foreign', longAgoMs, { ...owner, nodeName: 'node-b' }),
    ]
    fake.answers.set('GET /containers/json', json(all))
    fake.answers.set('DELETE /containers/sandbox-left', (response) => {
      response.writeHead(204).end()
    })
    const info = { NCPU: 1, MemTotal: 1 }
    const engine = { client, kind: 'docker', isLocal: true, info } as Partial<Engine> as Engine
    const done = Promise.withResolvers<boolean>()
    const stop = new AbortController()
    const parts = {
      engine,
      table: new ContainerTable({ engine, owner, outOfMemory: new OutOfMemory(engine) }),
      cgroups: { sweep: () => Promise.resolve() },
      network: { tidy: (hasPods: boolean) => Promise.resolve(done.resolve(hasPods)) },
      images: { collect: () => Promise.resolve() },
      clock,
      log: silentLogger,
      rootDir,
    } as unknown as HousekeepingParts
    const kept = keepHouse(parts, stop.signal)
    await clock.advance(300_000)
    assert.equal(await done.promise, true, 'a network that pods need stays')
    const removed = fake.asked.filter((what) => what.startsWith('DELETE'))
    assert.deepEqual(removed, ['DELETE /containers/sandbox-left'])
    stop.abort()
    await kept
  } finally {
    rmSync(rootDir, { recursive: true })
  }
})
