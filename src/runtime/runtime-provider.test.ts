// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { buildContainer, buildPod } from '../../test/support/build-pod.ts'
import { RuntimeWorld, refOf } from '../../test/support/runtime-world.ts'
import { VkError } from '../util/vk-error.ts'

const key = (pod: ReturnType<typeof refOf>, attempt = 0, name = 'main') => ({ pod, name, attempt })

test('a pod runs: sandbox, container, address, and the events of a kubelet', async () => {
  await using world = await RuntimeWorld.open()
  const pod = buildPod({ metadata: { generation: 3 } })
  const ref = await world.create(pod)
  const observed = await world.untilRunning(ref)
  assert.deepEqual(observed.podIPs, ['10.1.2.3'])
  assert.equal(observed.isSandboxReady, true)
  assert.equal(observed.hasEnded, false)
  assert.equal(observed.observedGeneration, 3)
  assert.equal(observed.startTime, '2026-01-01T00:00:00Z')
  assert.deepEqual(
    world.events.map(({ reason, message, container }) => [reason, message, container]),
    [
      ['Created', 'Container created', 'main'],
      ['Started', 'Container started', 'main'],
    ],
  )
  assert.equal(world.pushed.length, 1, 'one push for a pod that comes up')
})

test('creating a pod twice starts it once', async () => {
  await using world = await RuntimeWorld.open()
  const pod = buildPod()
  await world.create(pod)
  const ref = await world.create(pod)
  await world.untilRunning(ref)
  await world.create(pod)
  await world.settle()
  assert.equal(world.runtime.starts.length, 1)
})

test('a container that keeps ending is restarted with back-off', async () => {
  await using world = await RuntimeWorld.open()
  const ref = await world.create(buildPod())
  await world.untilRunning(ref)
  world.runtime.exit(key(ref), 1)
  await world.untilRunning(ref, 1)
  world.runtime.exit(key(ref, 1), 1)
  const waiting = await world.until(ref, (pod) => Boolean(pod.containers[0]?.state?.waiting))
  assert.equal(waiting.containers[0]?.state?.waiting?.reason, 'CrashLoopBackOff')
  assert.equal(waiting.containers[0].restartCount, 1)
  await world.pass(9999)
  await world.settle()
  assert.equal(world.runtime.starts.length, 2)
  await world.pass(1)
  await world.untilRunning(ref, 2)
  assert.deepEqual(world.eventsOf('BackOff'), [
    `Back-off restarting failed container main in pod pod_ns(${ref.uid})`,
  ])
})

test('a pod that must not be restarted ends by itself and stays until it is cleaned up', async () => {
  await using world = await RuntimeWorld.open()
  const ref = await world.create(buildPod({ spec: { restartPolicy: 'Never' } }))
  await world.untilRunning(ref)
  world.runtime.exit(key(ref), 3)
  const ended = await world.until(ref, ({ hasEnded }) => hasEnded)
  assert.equal(ended.containers[0]?.state?.terminated?.exitCode, 3)
  assert.equal(ended.isSandboxReady, false)
  await world.provider.cleanUpPod?.(ref, world.context)
  assert.equal(await world.observed(ref), undefined)
  assert.deepEqual(await readdir(join(world.rootDir, 'pods')), [])
  assert.equal(world.runtime.sandboxes.size, 0)
  assert.deepEqual(await world.runtime.listContainers(), [])
})

test('deletion stops the containers within the grace and ends the pod', async () => {
  await using world = await RuntimeWorld.open()
  const ref = await world.create(buildPod())
  await world.untilRunning(ref)
  await world.delete(ref, 30)
  const ended = await world.until(ref, ({ hasEnded }) => hasEnded)
  assert.equal(ended.containers[0]?.state?.terminated?.exitCode, 143)
  assert.equal(world.runtime.stops[0]?.graceMs, 30_000)
  assert.deepEqual(world.eventsOf('Killing'), ['Stopping container main'])
})

test('a second deletion shortens the grace, and never below two seconds', async () => {
  await using world = await RuntimeWorld.open()
  world.runtime.exitCodeOnStop = undefined
  const ref = await world.create(buildPod())
  await world.untilRunning(ref)
  await world.delete(ref, 30)
  await world.eventually(() => world.runtime.stops.length === 1)
  await world.delete(ref, 60)
  await world.passToRetry(5000)
  await world.delete(ref, 0)
  await world.eventually(() => world.runtime.stops.length === 2)
  assert.deepEqual(
    world.runtime.stops.map(({ graceMs }) => graceMs),
    [30_000, 2000],
  )
  await world.pass(2000)
  const ended = await world.until(ref, ({ hasEnded }) => hasEnded)
  assert.equal(ended.containers[0]?.state?.terminated?.exitCode, 137)
  assert.equal(world.eventsOf('Killing').length, 1)
})

test('deleting an unknown pod succeeds, and so does cleaning one up', async () => {
  await using world = await RuntimeWorld.open()
  const ref = refOf(buildPod())
  await world.delete(ref)
  await world.provider.cleanUpPod?.(ref, world.context)
})

test('a pod deleted while a container cannot be resolved ends at once', async () => {
  await using world = await RuntimeWorld.open()
  const pod = buildPod()
  const never = new Promise<never>(() => {})
  const request = { ...world.request(pod), resolveContainer: () => never }
  await world.provider.createPod(request, world.context)
  await world.settle()
  await world.delete(refOf(pod))
  const ended = await world.until(refOf(pod), ({ hasEnded }) => hasEnded)
  assert.ok(ended.containers[0]?.state?.waiting, 'it never ran, so there is no end to tell of')
  assert.equal(world.runtime.starts.length, 0)
})

test('a container that cannot be resolved waits with the reason, and is tried again', async () => {
  await using world = await RuntimeWorld.open()
  const message = 'secret "s" not found'
  const podReason = 'CreateContainerConfigError'
  world.resolveErrors.push(new VkError('NotFound', message, { podReason }))
  const ref = await world.create(buildPod())
  await world.until(ref, ({ containers }) => {
    const waiting = containers[0]?.state?.waiting
    return waiting?.reason === podReason && waiting.message === message
  })
  assert.deepEqual(world.eventsOf('Failed'), [`Error: ${message}`])
  await world.passToRetry(10_000)
  await world.untilRunning(ref)
})

test('a change of the pod wakes a container whose start failed', async () => {
  await using world = await RuntimeWorld.open()
  world.runtime.startErrors.push(new VkError('Invalid', 'no such image'))
  const pod = buildPod()
  const ref = await world.create(pod)
  await world.until(ref, ({ containers }) => containers[0]?.state?.waiting?.message !== undefined)
  await world.provider.updatePod(world.request(pod), world.context)
  await world.untilRunning(ref)
})

test('a start that uses its attempt up counts as an exit with 128', async () => {
  await using world = await RuntimeWorld.open()
  const podReason = 'RunContainerError'
  world.runtime.startErrors.push(new VkError('Invalid', 'exec: "x": not found', { podReason }))
  const ref = await world.create(buildPod({ spec: { restartPolicy: 'Never' } }))
  const { containers } = await world.until(ref, ({ hasEnded }) => hasEnded)
  const { exitCode, reason, message } = containers[0]?.state?.terminated ?? {}
  assert.deepEqual([exitCode, reason, message], [128, 'StartError', 'exec: "x": not found'])
  assert.deepEqual(world.eventsOf('Failed'), ['Error: exec: "x": not found'])
})

test('a lost reply to a start does not start twice', async () => {
  await using world = await RuntimeWorld.open()
  world.runtime.loseNextReply = true
  const ref = await world.create(buildPod())
  await world.untilRunning(ref)
  assert.equal(world.runtime.starts.length, 1)
})

test('a deletion after a lost reply leaves nothing running', async () => {
  await using world = await RuntimeWorld.open()
  world.runtime.loseNextReply = true
  const ref = await world.create(buildPod())
  await world.eventually(() => world.runtime.starts.length === 1)
  await world.delete(ref)
  await world.until(ref, ({ hasEnded }) => hasEnded)
  assert.deepEqual(world.runtime.running(), [])
})

test('a sandbox that cannot be made is told and tried again', async () => {
  await using world = await RuntimeWorld.open()
  world.runtime.sandboxErrors.push(new Error('no network'))
  const ref = await world.create(buildPod())
  await world.eventually(() => world.eventsOf('FailedCreatePodSandBox').length === 1)
  assert.equal((await world.status(ref))?.state?.waiting?.reason, 'ContainerCreating')
  await world.passToRetry(10_000)
  await world.untilRunning(ref)
})

test('a stop that fails is told and tried again until nothing runs', async () => {
  await using world = await RuntimeWorld.open()
  world.runtime.stopErrors.push(new Error('busy'))
  const ref = await world.create(buildPod())
  await world.untilRunning(ref)
  await world.delete(ref)
  await world.eventually(() => world.eventsOf('FailedKillPod').length === 1)
  assert.equal((await world.observed(ref))?.hasEnded, false)
  await world.passToRetry(5000)
  await world.until(ref, ({ hasEnded }) => hasEnded)
})

test('a retry that nothing waits for any more does not keep a deleted pod busy', async () => {
  await using world = await RuntimeWorld.open()
  const pod = buildPod()
  const ref = await world.create(pod)
  await world.untilRunning(ref)
  await world.restartAfterKill()
  world.runtime.sandboxErrors.push(new Error('no network'))
  world.runtime.exitCodeOnStop = undefined
  await world.create(pod)
  await world.eventually(() => world.eventsOf('FailedCreatePodSandBox').length === 1)
  await world.delete(ref, 30)
  // Each wake at a time that has passed would set the next one for now, and time stand still.
  await world.pass(29_000)
  assert.equal((await world.observed(ref))?.hasEnded, false)
  await world.pass(1000)
  await world.until(ref, ({ hasEnded }) => hasEnded)
})

test('the end of a container that nobody told of is found by the list', async () => {
  await using world = await RuntimeWorld.open()
  world.runtime.isMute = true
  const ref = await world.create(buildPod({ spec: { restartPolicy: 'Never' } }))
  await world.untilRunning(ref)
  world.runtime.exit(key(ref), 0)
  await world.pass(60_000)
  await world.until(ref, ({ hasEnded }) => hasEnded)
})

test('a container that the runtime forgot is unknown, and the policy decides', async () => {
  await using world = await RuntimeWorld.open()
  const ref = await world.create(buildPod())
  await world.untilRunning(ref)
  world.runtime.forget(key(ref))
  await world.pass(60_000)
  const { containers } = await world.untilRunning(ref, 1)
  assert.equal(containers[0]?.lastState?.terminated?.reason, 'ContainerStatusUnknown')
  assert.equal(containers[0].lastState.terminated.exitCode, 137)
})

test('the active deadline ends the pod with a failure', async () => {
  await using world = await RuntimeWorld.open()
  const spec = { activeDeadlineSeconds: 60, terminationGracePeriodSeconds: 5 }
  const ref = await world.create(buildPod({ spec }))
  await world.untilRunning(ref)
  await world.pass(60_000)
  const ended = await world.until(ref, ({ hasEnded }) => hasEnded)
  assert.equal(ended.failure?.reason, 'DeadlineExceeded')
  assert.equal(world.runtime.stops[0]?.graceMs, 5000)
  const message = 'Pod was active on the node longer than the specified deadline'
  assert.deepEqual(world.eventsOf('DeadlineExceeded'), [message])
})

test('another image restarts the container, even where the policy forbids restarts', async () => {
  await using world = await RuntimeWorld.open()
  const pod = buildPod({ spec: { restartPolicy: 'Never' } })
  const ref = await world.create(pod)
  await world.untilRunning(ref)
  const containers = [buildContainer({ image: 'newer' })]
  const changed = { ...pod, spec: { ...pod.spec, containers } }
  await world.provider.updatePod(world.request(changed), world.context)
  const observed = await world.untilRunning(ref, 1)
  assert.equal(observed.containers[0]?.image, 'newer')
  assert.deepEqual(world.eventsOf('Killing'), [
    'Container main definition changed, will be restarted',
  ])
})

test('labels may change without anything being restarted', async () => {
  await using world = await RuntimeWorld.open()
  const pod = buildPod()
  const ref = await world.create(pod)
  await world.untilRunning(ref)
  const labelled = { ...pod, metadata: { ...pod.metadata, labels: { a: 'b' }, generation: 2 } }
  await world.provider.updatePod(world.request(labelled), world.context)
  await world.until(ref, ({ observedGeneration }) => observedGeneration === 2)
  assert.equal(world.runtime.starts.length, 1)
  assert.equal(world.runtime.stops.length, 0)
})

test('of ended runs only the last is kept', async () => {
  await using world = await RuntimeWorld.open()
  const ref = await world.create(buildPod())
  for (let attempt = 0; attempt < 4; attempt++) {
    await world.untilRunning(ref, attempt)
    world.runtime.exit(key(ref, attempt), 1)
    await world.until(ref, ({ containers }) => !containers[0]?.state?.running)
    await world.pass(300_000)
  }
  await world.untilRunning(ref, 4)
  const dir = join(world.rootDir, 'pods', ref.uid, 'containers', 'main')
  await world.eventually(async () => (await readdir(dir)).length === 2)
  assert.deepEqual(await readdir(dir), ['3', '4'])
  const listed = await world.runtime.listContainers()
  assert.deepEqual(
    listed.map((run) => run.key.attempt).toSorted((a, b) => a - b),
    [3, 4],
  )
})

test('usage of a pod is the sum of its containers', async () => {
  await using world = await RuntimeWorld.open()
  const containers = ['a', 'b'].map((name) => buildContainer({ name }))
  const ref = await world.create(buildPod({ spec: { containers } }))
  await world.untilRunning(ref, 0, 'b')
  const [stats] = await world.provider.podStats(world.context)
  assert.equal(stats?.podRef.uid, ref.uid)
  assert.equal(stats.containers.length, 2)
  assert.equal(stats.cpu?.usageCoreNanoSeconds, 200)
  assert.equal(stats.memory?.workingSetBytes, 2000)
  assert.equal(stats.memory.rssBytes, undefined)
})
