// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { FakeEngine, json } from '../../../../test/support/fake-engine.ts'
import type { Engine } from '../engine/connect-engine.ts'
import { tarArchive } from '../tar-archive.ts'
import { RemoteVolumes, type LaidOut, type RemoteVolumeParts } from './remote-volumes.ts'

const patient = new AbortController().signal
const list = 'GET /containers/s1/archive'
const upload = 'PUT /containers/s1/archive'
const exec = 'POST /containers/s1/exec'
const start = 'POST /exec/e1/start'

/** A volume as the core lays one out. */
function laidOut(t: TestContext): LaidOut {
  const hostPath = mkdtempSync(join(tmpdir(), 'vk-volume-'))
  t.after(() => rmSync(hostPath, { recursive: true }))
  mkdirSync(join(hostPath, '..new'))
  writeFileSync(join(hostPath, '..new', 'key'), 'value')
  symlinkSync('..new', join(hostPath, '..data'))
  return { uid: 'u1', volume: 'config', hostPath }
}

/** Volumes on an engine whose one sandbox has an older generation in it. */
async function open(): Promise<{
  readonly engine: FakeEngine
  readonly volumes: RemoteVolumes
  readonly pod: { sandboxId: string | undefined }
}> {
  const engine = await FakeEngine.open()
  const { client, clock } = engine
  const pod: { sandboxId: string | undefined } = { sandboxId: 's1' }
  const sandboxes = {
    get: () => (pod.sandboxId === undefined ? undefined : { id: pod.sandboxId }),
  } as unknown as RemoteVolumeParts['sandboxes']
  const own = { client, isLocal: false } as Partial<Engine> as Engine
  const volumes = new RemoteVolumes({ engine: own, clock, sandboxes, hasSwap: true })
  return { engine, volumes, pod }
}

/** From now on it does all that it is asked. */
function answerAll({ answers }: FakeEngine): void {
  const before = [
    { path: 'vol/', mode: 0o755, isDirectory: true },
    { path: 'vol/..data', mode: 0o777, linkTo: '..old' },
  ]
  answers.set(list, (response) => void response.end(tarArchive(before)))
  answers.set(upload, (response) => void response.end())
  answers.set(exec, json({ Id: 'e1' }))
  answers.set(start, () => {})
  answers.set('GET /exec/e1/json', json({ Running: false, ExitCode: 0, Pid: 0 }))
}

test('a look into a volume that the engine never answers is given up, and made again', async (t) => {
  const { engine, volumes } = await open()
  await using _engine = engine
  const volume = laidOut(t)
  const why = 'the engine does not take its files: The engine at unix:fake gave no answer for 30 s'
  const first = assert.rejects(volumes.bring(volume, patient), {
    message: why,
    code: 'Unavailable',
  })
  await engine.untilAsked(list)
  await engine.clock.advance(30_000)
  await first
  answerAll(engine)
  await volumes.bring(volume, patient)
  assert.deepEqual(engine.asked.slice(1, 5), [list, upload, exec, start])
})

test('a swap that the engine never begins is given up, and made again', async (t) => {
  const { engine, volumes } = await open()
  await using _engine = engine
  answerAll(engine)
  engine.answers.delete(start)
  const volume = laidOut(t)
  const first = assert.rejects(volumes.bring(volume, patient), {
    message: 'the engine does not take its files: "..data" was not set within 30 s',
  })
  await engine.untilAsked(start)
  await engine.clock.advance(30_000)
  await first
  answerAll(engine)
  await volumes.bring(volume, patient)
  assert.equal(engine.asked.filter((one) => one === start).length, 2)
})

test('what was under way when its pod went is not remembered', async (t) => {
  const { engine, volumes, pod } = await open()
  await using _engine = engine
  const volume = laidOut(t)
  const first = assert.rejects(volumes.bring(volume, patient))
  const second = volumes.bring(volume, patient)
  await engine.untilAsked(list)
  pod.sandboxId = undefined
  volumes.forget(volume.uid)
  await engine.clock.advance(30_000)
  await first
  await second
  pod.sandboxId = 's1'
  await volumes.bringWaiting(volume.uid, patient)
  assert.deepEqual(engine.asked, [list])
})
