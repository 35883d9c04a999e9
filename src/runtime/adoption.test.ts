// SPDX-License-Identifier: Apache-2.0
// What a provider makes of its last life: after a stop in good order, after kill -9, with records that
// lag, are broken or cannot be written.
import assert from 'node:assert/strict'
import { readFile, readdir, writeFile, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { buildContainer, buildPod } from '../../test/support/build-pod.ts'
import { RuntimeWorld, type refOf } from '../../test/support/runtime-world.ts'

const key = (pod: ReturnType<typeof refOf>, attempt = 0) => ({ pod, name: 'main', attempt })
const recordPath = (world: RuntimeWorld, uid: string): string =>
  join(world.rootDir, 'pods', uid, 'pod.json')

async function recordIsWritten(world: RuntimeWorld, uid: string, text = ''): Promise<void> {
  await world.eventually(async () => {
    const record = await readFile(recordPath(world, uid), 'utf8').catch(() => undefined)
    return record?.includes(text) ?? false
  })
}

test('a running pod is adopted as it was, and not started again', async () => {
  await using world = await RuntimeWorld.open()
  const pod = buildPod()
  const ref = await world.create(pod)
  const before = await world.untilRunning(ref)
  await recordIsWritten(world, ref.uid)
  await world.restartAfterKill()
  assert.deepEqual(await world.observed(ref), before)
  await world.create(pod)
  await world.settle()
  assert.deepEqual(await world.observed(ref), before)
  assert.equal(world.runtime.starts.length, 1)
})

test('a pod whose record was never written is adopted from what the runtime lists', async () => {
  await using world = await RuntimeWorld.open()
  const pod = buildPod()
  const ref = await world.create(pod)
  await world.eventually(() => world.runtime.starts.length === 1)
  await world.kill()
  await rm(join(world.rootDir, 'pods'), { recursive: true, force: true })
  await world.start()
  const orphan = await world.observed(ref)
  assert.equal(orphan?.hasEnded, false)
  assert.deepEqual(orphan.ref, ref)
  assert(orphan.containers[0]?.state?.running)
  await world.create({ ...pod, status: { startTime: '2025-12-31T23:59:00Z' } })
  const adopted = await world.untilRunning(ref)
  assert.equal(adopted.startTime, '2025-12-31T23:59:00Z')
  assert.equal(world.runtime.starts.length, 1)
  assert.equal(world.runtime.stops.length, 0)
})

test('nothing is restarted before the API has handed the pod over again', async () => {
  await using world = await RuntimeWorld.open()
  const pod = buildPod()
  const ref = await world.create(pod)
  await world.untilRunning(ref)
  await recordIsWritten(world, ref.uid, '"started"')
  await world.kill()
  world.runtime.exit(key(ref), 1)
  await world.start()
  await world.pass(120_000)
  await world.settle()
  assert.equal(world.runtime.starts.length, 1)
  assert.equal((await world.status(ref))?.state?.terminated?.exitCode, 1)
  await world.create(pod)
  await world.untilRunning(ref, 1)
})

test('restart count, last state and back-off step survive kill -9', async () => {
  await using world = await RuntimeWorld.open()
  const pod = buildPod()
  const ref = await world.create(pod)
  await world.untilRunning(ref)
  world.runtime.exit(key(ref), 7)
  await world.untilRunning(ref, 1)
  await world.kill()
  world.runtime.exit(key(ref, 1), 8)
  await world.start()
  await world.create(pod)
  const waiting = await world.until(ref, ({ containers }) => Boolean(containers[0]?.state?.waiting))
  const [container] = waiting.containers
  assert.equal(container?.restartCount, 1)
  assert.equal(container.lastState?.terminated?.exitCode, 8)
  assert.match(container.state?.waiting?.message ?? '', /^back-off 10s /)
  await world.passToRetry(10_000)
  const again = await world.untilRunning(ref, 2)
  assert.equal(again.containers[0]?.lastState?.terminated?.exitCode, 8)
})

test('a pod that ended while we were away has ended, by its policy and for good', async () => {
  await using world = await RuntimeWorld.open()
  const pod = buildPod({ spec: { restartPolicy: 'OnFailure' } })
  const ref = await world.create(pod)
  await world.untilRunning(ref)
  await recordIsWritten(world, ref.uid, '"started"')
  await world.kill()
  world.runtime.exit(key(ref), 0)
  await world.start()
  await world.until(ref, ({ hasEnded }) => hasEnded)
  await world.create(pod)
  await world.settle()
  assert.equal(world.runtime.starts.length, 1)
})

test('a container that is gone after a reboot counts as lost', async () => {
  await using world = await RuntimeWorld.open()
  const pod = buildPod({ spec: { restartPolicy: 'Never' } })
  const ref = await world.create(pod)
  await world.untilRunning(ref)
  await recordIsWritten(world, ref.uid, '"started"')
  await world.kill()
  world.runtime.forget(key(ref))
  await world.start()
  const { containers } = await world.until(ref, ({ hasEnded }) => hasEnded)
  assert.equal(containers[0]?.state?.terminated?.exitCode, 137)
  assert.equal(world.runtime.starts.length, 1)
})

test('a deletion goes on after kill -9, with what is left of its grace', async () => {
  await using world = await RuntimeWorld.open()
  world.runtime.exitCodeOnStop = undefined
  const ref = await world.create(buildPod())
  await world.untilRunning(ref)
  await world.delete(ref, 30)
  await recordIsWritten(world, ref.uid, '"ending"')
  await world.passToRetry(10_000)
  await world.restartAfterKill()
  await world.eventually(() => world.runtime.stops.length === 2)
  assert.equal(world.runtime.stops[1]?.graceMs, 20_000)
  await world.pass(20_000)
  await world.until(ref, ({ hasEnded }) => hasEnded)
})

test('an unknown pod that the API does not have any more can be deleted', async () => {
  await using world = await RuntimeWorld.open()
  const ref = await world.create(buildPod())
  await world.untilRunning(ref)
  await world.kill()
  await rm(join(world.rootDir, 'pods'), { recursive: true, force: true })
  await world.start()
  await world.delete(ref, 0)
  await world.until(ref, ({ hasEnded }) => hasEnded)
  await world.provider.cleanUpPod?.(ref, world.context)
  assert.deepEqual(await world.provider.listPods(world.context), [])
})

test('an ended pod stays ended over restarts until it is cleaned up', async () => {
  await using world = await RuntimeWorld.open()
  const pod = buildPod()
  const ref = await world.create(pod)
  await world.untilRunning(ref)
  await world.delete(ref)
  const ended = await world.until(ref, ({ hasEnded }) => hasEnded)
  await recordIsWritten(world, ref.uid, '"endedAtMs"')
  await world.restartAfterKill()
  assert.deepEqual(await world.observed(ref), ended)
  await world.create(pod)
  await world.settle()
  assert.equal(world.runtime.starts.length, 1)
})

test('a corrupt record is set aside, and the pod adopted without it', async () => {
  await using world = await RuntimeWorld.open()
  const pod = buildPod()
  const ref = await world.create(pod)
  await world.untilRunning(ref)
  await recordIsWritten(world, ref.uid)
  for (const broken of ['', '{"version":1', '[]', '{"version":99}']) {
    await world.kill()
    await writeFile(recordPath(world, ref.uid), broken)
    await world.start()
    await world.create(pod)
    await world.untilRunning(ref)
    await recordIsWritten(world, ref.uid, '"version":1')
    const files = await readdir(join(world.rootDir, 'pods', ref.uid))
    assert(files.includes('pod.json.corrupt'), `${broken}: ${files.join(' ')}`)
  }
  assert.equal(world.runtime.starts.length, 1)
})

test('what was only prepared for a pod that never ran is removed', async () => {
  await using world = await RuntimeWorld.open()
  await world.stop()
  await mkdir(join(world.rootDir, 'pods', 'unused', 'containers', 'main', '0'), { recursive: true })
  await world.start()
  assert.deepEqual(await readdir(join(world.rootDir, 'pods')), [])
})

test('a disk that takes nothing makes a container wait with a reason, and is tried again', async () => {
  await using world = await RuntimeWorld.open()
  const pod = buildPod()
  // A file where the pod's directory belongs fails every write, for root too.
  await mkdir(join(world.rootDir, 'pods'), { recursive: true })
  await writeFile(join(world.rootDir, 'pods', pod.metadata.uid), '')
  const ref = await world.create(pod)
  await world.eventually(() => world.eventsOf('FailedCreatePodSandBox').length === 1)
  await rm(join(world.rootDir, 'pods', pod.metadata.uid))
  await world.passToRetry(10_000)
  await world.untilRunning(ref)
  const record = recordPath(world, ref.uid)
  await recordIsWritten(world, ref.uid)
  await rm(record)
  await mkdir(join(record, 'in the way'), { recursive: true })
  world.runtime.exit(key(ref), 1)
  await world.until(
    ref,
    ({ containers }) => containers[0]?.state?.waiting?.reason === 'CreateContainerError',
  )
  await rm(record, { recursive: true })
  await world.passToRetry(10_000)
  await world.untilRunning(ref, 1)
})

test('what only the API remembers decides where disk and runtime have lost everything', async () => {
  await using world = await RuntimeWorld.open()
  const spec = {
    restartPolicy: 'OnFailure',
    containers: ['done', 'ran', 'crashed'].map((name) => buildContainer({ name })),
  }
  const pod = buildPod({ spec })
  const time = '2025-12-31T00:00:00Z'
  const ended = (exitCode: number) => ({ terminated: { exitCode, finishedAt: time } })
  const base = { image: 'example', imageID: '', ready: false }
  const containerStatuses = [
    { ...base, name: 'done', restartCount: 2, state: ended(0) },
    { ...base, name: 'ran', restartCount: 3, state: { running: { startedAt: time } } },
    { ...base, name: 'crashed', restartCount: 4, state: { waiting: {} }, lastState: ended(9) },
  ]
  const ref = await world.create({ ...pod, status: { containerStatuses } })
  await world.untilRunning(ref, 4, 'ran')
  const observed = await world.untilRunning(ref, 5, 'crashed')
  const [crashed, done, ran] = observed.containers
  assert.equal(crashed?.lastState?.terminated?.exitCode, 9)
  assert.equal(ran?.lastState?.terminated?.reason, 'ContainerStatusUnknown')
  assert.equal(done?.state?.terminated?.exitCode, 0)
  assert.equal(done.restartCount, 2)
  assert.equal(world.runtime.starts.length, 2)
})

test('a runtime whose containers cannot be listed is let go of, for nobody else can', async () => {
  await using world = await RuntimeWorld.open()
  await world.stop()
  world.runtime.listContainers = () => Promise.reject(new Error('no answer'))
  await assert.rejects(world.start(), /no answer/)
  assert.equal(world.runtime.isDisposed, true)
})
