// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { mkdtemp, readFile, readdir, readlink, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import { RuntimeWorld } from '../../../test/support/runtime-world.ts'
import type { Pod } from '../../kube/types.gen.ts'
import type { VolumeFile } from '../../provider/provider.ts'
import { writeVolume } from './atomic-writer.ts'

const name = 'kube-api-access-x1'
const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount'

function file(path: string, text: string, mode = 0o644): VolumeFile {
  return { path, mode, content: Buffer.from(text) }
}

function podWithAccount(): Pod {
  const volumeMounts = [{ name, mountPath, readOnly: true }]
  return buildPod({
    spec: {
      containers: [buildContainer({ volumeMounts }), buildContainer({ name: 'plain' })],
      volumes: [{ name, projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }],
    },
  })
}

test('a volume is laid out atomically, with links, modes and nothing stale', async () => {
  const dir = join(await mkdtemp(join(tmpdir(), 'vk-volume-')), 'v')
  const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5)
  const first = [file('token', 'one', 0o600), file('sub/a', 'A'), file('sub/b', 'B')]
  assert.equal(await writeVolume(dir, { files: first, nowMs }), true)
  assert.equal(await readlink(join(dir, 'token')), '..data/token')
  assert.equal(await readFile(join(dir, 'sub', 'b'), 'utf8'), 'B')
  assert.equal((await stat(join(dir, 'token'))).mode & 0o777, 0o600)
  assert.equal((await stat(join(dir, 'sub', 'a'))).mode & 0o777, 0o644)
  const data = await readlink(join(dir, '..data'))
  assert.match(data, /^\.\.2026_01_02_03_04_05\.[0-9a-f]+$/)

  assert.equal(await writeVolume(dir, { files: first, nowMs }), false, 'nothing has changed')
  assert.equal(await readlink(join(dir, '..data')), data)

  const second = [file('token', 'two', 0o600)]
  assert.equal(await writeVolume(dir, { files: second, nowMs }), true)
  assert.equal(await readFile(join(dir, 'token'), 'utf8'), 'two')
  const names = (await readdir(dir)).filter((entry) => !entry.startsWith('..2026'))
  assert.deepEqual(names, ['..data', 'token'])
  assert.equal((await readdir(dir)).length, 3, 'the old directory is gone')
  await rm(join(dir, '..'), { recursive: true })
})

test('containers that mount the account find its files by a variable, and they are renewed', async () => {
  await using world = await RuntimeWorld.open()
  let token = 'first'
  const refreshAfterMs = 60_000
  world.volumeFiles = () => ({
    files: [file('token', token, 0o600)],
    refreshAtMs: world.clock.nowMs() + refreshAfterMs,
  })
  const ref = await world.create(podWithAccount())
  await world.untilRunning(ref, 0, 'plain')
  const [main, plain] = world.runtime.starts
  const variable = main?.resolved.env.find((one) => one.name === 'VK_SERVICEACCOUNT_DIR')
  assert(variable)
  assert.equal(variable.isSecret, false)
  assert.equal(main?.volumeDirs.get(name), variable.value)
  assert.deepEqual(plain?.resolved.env, [])
  const read = (): Promise<string> => readFile(join(variable.value, 'token'), 'utf8')
  assert.equal(await read(), 'first')
  token = 'second'
  await world.passToRetry(refreshAfterMs)
  await world.eventually(async () => (await read()) === 'second')
})

test('a volume that cannot be made keeps the containers creating, with FailedMount', async () => {
  await using world = await RuntimeWorld.open()
  let isThere = false
  world.volumeFiles = () => {
    if (!isThere) throw new Error('configmap "kube-root-ca.crt" not found')
    return { files: [file('ca.crt', 'x')] }
  }
  const ref = await world.create(podWithAccount())
  await world.eventually(() => world.eventsOf('FailedMount').length === 1)
  const [message] = world.eventsOf('FailedMount')
  assert.equal(
    message,
    `MountVolume.SetUp failed for volume "${name}" : configmap "kube-root-ca.crt" not found`,
  )
  assert.equal((await world.status(ref))?.state?.waiting?.reason, 'ContainerCreating')
  isThere = true
  await world.passToRetry(10_000)
  await world.untilRunning(ref)
})

test('a renewal that fails leaves the files, and is tried again', async () => {
  await using world = await RuntimeWorld.open()
  let isFailing = false
  world.volumeFiles = () => {
    if (isFailing) throw new Error('no answer')
    return { files: [file('token', 't')], refreshAtMs: world.clock.nowMs() + 60_000 }
  }
  const ref = await world.create(podWithAccount())
  await world.untilRunning(ref)
  isFailing = true
  await world.pass(60_000)
  await world.eventually(() => world.eventsOf('FailedMount').length === 1)
  await world.pass(400)
  await world.eventually(() => world.eventsOf('FailedMount').length === 2)
  assert((await world.status(ref))?.state?.running)
})
