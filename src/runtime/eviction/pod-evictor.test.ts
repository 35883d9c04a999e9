// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import { RuntimeWorld } from '../../../test/support/runtime-world.ts'
import type { Pod } from '../../kube/types.gen.ts'
import type { NodeStats } from '../../provider/stats.ts'
import type { ContainerKey } from '../container-runtime.ts'
import { attemptDir, volumeDir } from '../pod-dirs.ts'

const features = { multipleContainers: true, 'volume.emptyDir': true } as const
const message = 'Usage of EmptyDir volume "data" exceeds the limit "64Ki". '

/** A pod with an emptyDir that may hold 64 KiB. */
const limitedPod = (spec: Partial<Pod['spec']> = {}): Pod =>
  buildPod({
    spec: {
      volumes: [{ name: 'data', emptyDir: { sizeLimit: '64Ki' } }],
      containers: [
        buildContainer({ name: 'main', volumeMounts: [{ name: 'data', mountPath: '/data' }] }),
      ],
      ...spec,
    },
  })

async function fill(world: RuntimeWorld, pod: Pod): Promise<string> {
  const dir = volumeDir(world.rootDir, { uid: pod.metadata.uid, volume: 'data' })
  await mkdir(dir, { recursive: true })
  await writeFile(join(dir, 'file'), Buffer.alloc(128 * 1024, 1))
  return join(dir, 'file')
}

test('a pod whose emptyDir outgrows its limit is evicted for good', async () => {
  await using world = await RuntimeWorld.open({}, { features })
  const pod = limitedPod()
  const ref = await world.create(pod)
  await world.untilRunning(ref)
  await fill(world, pod)
  await world.pass(10_000)
  const observed = await world.until(ref, ({ hasEnded }) => hasEnded)
  assert.equal(observed.failure?.reason, 'Evicted')
  assert.equal(observed.failure.message, message)
  assert.equal(observed.failure.isOwnFault, true)
  assert.deepEqual(world.eventsOf('Evicted'), [message])
  assert.deepEqual(world.provider.evictions?.(), new Map([['emptydirfs.limit', 1]]))
  assert.equal(world.runtime.starts.length, 1)
})

test('a pod within its limit, or one that has shrunk before anybody looked, runs on', async () => {
  await using world = await RuntimeWorld.open({}, { features })
  const pod = limitedPod()
  const ref = await world.create(pod)
  await world.untilRunning(ref)
  await rm(await fill(world, pod))
  await world.pass(10_000)
  await world.pass(10_000)
  assert.equal((await world.observed(ref))?.failure, undefined)
})

test('a critical pod is not evicted', async () => {
  await using world = await RuntimeWorld.open({}, { features })
  const pod = limitedPod({ priority: 2_000_001_000 })
  const ref = await world.create(pod)
  await world.untilRunning(ref)
  await fill(world, pod)
  await world.pass(10_000)
  await world.settle()
  assert.equal((await world.observed(ref))?.failure, undefined)
})

test('output counts against the limit of its container', async () => {
  await using world = await RuntimeWorld.open({}, { features })
  const limits = { 'ephemeral-storage': '64Ki' }
  const pod = buildPod({
    spec: {
      containers: [
        buildContainer({ name: 'loud', resources: { limits } }),
        buildContainer({ name: 'quiet', resources: { limits: { 'ephemeral-storage': '1Mi' } } }),
      ],
    },
  })
  const ref = await world.create(pod)
  await world.untilRunning(ref, 0, 'quiet')
  const dir = attemptDir(world.rootDir, { pod: ref, name: 'loud', attempt: 0 })
  await mkdir(dir, { recursive: true })
  await writeFile(join(dir, 'stdout.log'), Buffer.alloc(256 * 1024, 1))
  await world.pass(10_000)
  const observed = await world.until(ref, ({ hasEnded }) => hasEnded)
  assert.equal(
    observed.failure?.message,
    'Container loud exceeded its local ephemeral storage limit "64Ki". ',
  )
})

test('what all pods have written is asked for at once, and of one that is over its limit alone is it told', async () => {
  await using world = await RuntimeWorld.open({}, { features })
  const asked: number[] = []
  Object.assign(world.runtime, {
    containerStats: async (keys: readonly ContainerKey[]) => {
      asked.push(keys.length)
      return keys.map((key) => {
        const usedBytes = key.pod.name === 'pod-3' ? 128 * 1024 : 1024
        return { key, stats: { name: key.name, rootfs: { time: '', usedBytes } } }
      })
    },
  })
  const limits = { 'ephemeral-storage': '64Ki' }
  const spec = { containers: [buildContainer({ resources: { limits } })] }
  for (let index = 0; index < 5; index++) {
    const pod = buildPod({ metadata: { name: `pod-${index}`, uid: `uid-${index}` }, spec })
    await world.untilRunning(await world.create(pod))
  }
  await world.pass(10_000)
  await world.eventually(() => world.eventsOf('Evicted').length > 0)
  assert.deepEqual(
    world.events.filter(({ reason }) => reason === 'Evicted').map(({ pod }) => pod),
    ['pod-3'],
  )
  assert.deepEqual(asked, [5])
})

test('a node that runs out of memory says so and evicts one pod at a time, the greediest first', async () => {
  await using world = await RuntimeWorld.open({}, { features })
  world.eviction = { hard: { 'memory.available': '100Mi' }, pressureTransitionMs: 300_000 }
  // One pod that goes is enough.
  const availableMib = (): number => (world.eventsOf('Evicted').length === 0 ? 50 : 200)
  Object.assign(world.runtime, {
    nodeStats: async (): Promise<NodeStats> => {
      const availableBytes = availableMib() * 1024 * 1024
      return {
        startTime: '',
        memory: { time: '', availableBytes, workingSetBytes: 950 * 1024 * 1024 },
      }
    },
  })
  await world.stop()
  await world.start()
  // Each is measured to use 1000 bytes.
  const podOf = (name: string, memory: string, priority: number): Pod =>
    buildPod({
      metadata: { name },
      spec: {
        priority,
        containers: [buildContainer({ resources: { requests: { memory } } })],
      },
    })
  const modest = await world.create(podOf('modest', '1Ki', 0))
  const late = await world.create(podOf('late', '10', 7))
  const early = await world.create(podOf('early', '10', 5))
  for (const ref of [modest, late, early]) await world.untilRunning(ref)
  await world.pass(10_000)
  const observed = await world.until(early, ({ hasEnded }) => hasEnded)
  assert.equal(
    observed.failure?.message,
    'The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. ' +
      'Container main was using 1k, request is 10, has larger consumption of memory. ',
  )
  assert.equal(observed.failure.isOwnFault, undefined)
  assert.equal((await world.observed(late))?.failure, undefined)
  const { conditions } = await world.provider.describeNode(world.context)
  assert.deepEqual(
    conditions?.map(({ type, status, reason, message: text }) => [type, status, reason, text]),
    [
      [
        'MemoryPressure',
        'True',
        'KubeletHasInsufficientMemory',
        'kubelet has insufficient memory available',
      ],
    ],
  )
  await world.pass(10_000)
  assert.equal((await world.observed(late))?.failure, undefined)
})

for (const [maxGraceSeconds, expectedMs] of [
  [0, 2000],
  [10, 10_000],
  [60, 20_000],
  [-1, 20_000],
] as const) {
  test(`a pod that goes for a soft threshold has its own time to end, within ${maxGraceSeconds} s`, async () => {
    await using world = await RuntimeWorld.open({}, { features })
    const soft = {
      thresholds: { 'memory.available': '100Mi' },
      periodSeconds: { 'memory.available': 25 },
      maxGraceSeconds,
    }
    world.eviction = { hard: {}, soft, pressureTransitionMs: 300_000 }
    const memory = { time: '', availableBytes: 50 * 1024 * 1024, workingSetBytes: 1024 ** 3 }
    Object.assign(world.runtime, { nodeStats: async () => ({ startTime: '', memory }) })
    await world.stop()
    await world.start()
    const ref = await world.create(buildPod({ spec: { terminationGracePeriodSeconds: 20 } }))
    await world.untilRunning(ref)
    await world.pass(10_000)
    await world.pass(10_000)
    await world.pass(10_000)
    assert.equal((await world.observed(ref))?.failure, undefined)
    const { conditions } = await world.provider.describeNode(world.context)
    assert.equal(conditions?.[0]?.type, 'MemoryPressure')
    await world.pass(10_000)
    await world.eventually(() => world.runtime.stops.length > 0)
    assert.equal(world.runtime.stops[0]?.graceMs, expectedMs)
    assert.deepEqual(world.eventsOf('Evicted').length, 1)
  })
}

const softMemory = {
  thresholds: { 'memory.available': '100Mi' },
  periodSeconds: { 'memory.available': 5 },
  maxGraceSeconds: -1,
}

/** A node that has 50 MiB left, where pods go softly below 100 MiB and at once below 20 MiB. */
async function openSoft(): Promise<{ world: RuntimeWorld; leave: (bytes: number) => void }> {
  const world = await RuntimeWorld.open({}, { features })
  world.eviction = {
    hard: { 'memory.available': '20Mi' },
    soft: softMemory,
    pressureTransitionMs: 300_000,
  }
  const memory = { time: '', availableBytes: 50 * 1024 * 1024, workingSetBytes: 1024 ** 3 }
  Object.assign(world.runtime, { nodeStats: async () => ({ startTime: '', memory }) })
  // Whoever is asked to end takes all of the time it has.
  world.runtime.exitCodeOnStop = undefined
  await world.stop()
  await world.start()
  return { world, leave: (bytes) => void (memory.availableBytes = bytes) }
}

const slowPod = (name: string, priority: number): Pod =>
  buildPod({ metadata: { name }, spec: { priority, terminationGracePeriodSeconds: 1_000_000 } })

test('a node that cannot wait any more hurries the pod that may take its time to end', async () => {
  const { world, leave } = await openSoft()
  await using _ = world
  await world.untilRunning(await world.create(slowPod('first', 0)))
  await world.untilRunning(await world.create(slowPod('second', 5)))
  await world.pass(10_000)
  await world.pass(10_000)
  await world.eventually(() => world.runtime.stops.length === 1)
  assert.equal(world.runtime.stops[0]?.graceMs, 1_000_000_000)
  await world.pass(10_000)
  assert.equal(world.runtime.stops.length, 1)
  leave(10 * 1024 * 1024)
  await world.pass(10_000)
  await world.eventually(() => world.runtime.stops.length > 1)
  const stops = world.runtime.stops.map(({ key, graceMs }) => [key.pod.name, graceMs])
  assert.deepEqual(stops.slice(1), [['first', 2000]])
  assert.equal(world.eventsOf('Evicted').length, 1)
  assert.deepEqual(world.provider.evictions?.(), new Map([['memory.available', 1]]))
})

test('a pod that takes its time to end does not keep a greedier one from going at once', async () => {
  const { world, leave } = await openSoft()
  await using _ = world
  await world.untilRunning(await world.create(slowPod('first', 3)))
  await world.pass(10_000)
  await world.pass(10_000)
  await world.eventually(() => world.runtime.stops.length === 1)
  await world.untilRunning(await world.create(slowPod('second', 0)))
  leave(10 * 1024 * 1024)
  await world.pass(10_000)
  await world.eventually(() => world.runtime.stops.length > 1)
  const stops = world.runtime.stops.map(({ key, graceMs }) => [key.pod.name, graceMs])
  assert.deepEqual(stops.slice(1), [['second', 2000]])
  // Who cannot wait waits for the one that goes at once.
  await world.pass(10_000)
  assert.equal(world.runtime.stops.length, 2)
})

test('an eviction that kill -9 interrupts ends the same way after a restart', async () => {
  await using world = await RuntimeWorld.open({}, { features })
  // It ignores TERM: the eviction is under way for a while.
  world.runtime.exitCodeOnStop = undefined
  const pod = limitedPod()
  const ref = await world.create(pod)
  await world.untilRunning(ref)
  await fill(world, pod)
  await world.pass(10_000)
  await world.eventually(() => world.runtime.stops.length > 0)
  await world.restartAfterKill()
  // The emptyDir is full no more, and the container has ended as one that would be restarted.
  await rm(join(volumeDir(world.rootDir, { uid: ref.uid, volume: 'data' }), 'file'))
  for (const key of world.runtime.running()) world.runtime.exit(key, 137)
  await world.create(pod)
  const observed = await world.until(ref, ({ hasEnded }) => hasEnded)
  assert.equal(observed.failure?.reason, 'Evicted')
  assert.equal(observed.failure.message, message)
  assert.equal(world.runtime.starts.length, 1)
})
