// SPDX-License-Identifier: Apache-2.0
// In-place resizes on the fake runtime: what is called, what is told, what survives kill -9.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { buildContainer, buildPod } from '../../test/support/build-pod.ts'
import { RuntimeWorld } from '../../test/support/runtime-world.ts'
import type { Container, Pod } from '../kube/types.gen.ts'
import type { ContainerRuntime } from './container-runtime.ts'
import { podDir } from './pod-dirs.ts'
import type { PodRecord } from './pod-record.ts'

const features = { multipleContainers: true, 'resources.resize': true } as const

interface Resize {
  readonly name: string
  readonly limits: unknown
}

/** A world whose runtime notes each resize, or fails with what `fail` holds. */
async function resizingWorld() {
  const resizes: Resize[] = []
  const fail: Error[] = []
  const updateResources: ContainerRuntime['updateResources'] = async (key, { spec }) => {
    const error = fail.shift()
    if (error) throw error
    resizes.push({ name: key.name, limits: spec.resources?.limits })
  }
  const world = await RuntimeWorld.open({}, { features, updateResources })
  return { world, resizes, fail }
}

const limited = (cpu: string, more: Partial<Container> = {}): Container =>
  buildContainer({ resources: { requests: { cpu }, limits: { cpu } }, ...more })

const podOf = (pod: Pod, container: Container, generation: number): Pod => ({
  ...pod,
  metadata: { ...pod.metadata, generation },
  spec: { ...pod.spec, containers: [container] },
})

test('a running container gets other resources without a restart, and its status says so', async () => {
  const { world, resizes } = await resizingWorld()
  await using _ = world
  const first = podOf(buildPod(), limited('100m'), 1)
  const ref = await world.create(first)
  const before = (await world.untilRunning(ref)).containers[0]
  assert.deepEqual(before?.resources, { requests: { cpu: '100m' }, limits: { cpu: '100m' } })
  assert.deepEqual(before.allocatedResources, { cpu: '100m' })
  const second = podOf(first, limited('200m'), 2)
  await world.provider.updatePod(world.request(second), world.context)
  const asked = await world.observed(ref)
  assert.deepEqual(asked?.resize, { isUnderWay: true })
  const after = await world.until(ref, ({ resize }) => resize === undefined)
  assert.deepEqual(resizes, [{ name: 'main', limits: { cpu: '200m' } }])
  assert.deepEqual(after.containers[0]?.resources?.limits, { cpu: '200m' })
  assert.deepEqual(after.allocation, { main: second.spec.containers[0]?.resources })
  assert.equal(after.observedGeneration, 2)
  assert.equal(after.containers[0]?.restartCount, 0)
  assert.equal(world.runtime.starts.length, 1)
})

test('where the policy says so the container is started anew with them', async () => {
  const { world, resizes } = await resizingWorld()
  await using _ = world
  const resizePolicy = [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }]
  const first = podOf(buildPod(), limited('100m', { resizePolicy }), 1)
  const ref = await world.create(first)
  await world.untilRunning(ref)
  const second = podOf(first, limited('200m', { resizePolicy }), 2)
  await world.provider.updatePod(world.request(second), world.context)
  const after = await world.untilRunning(ref, 1)
  assert.deepEqual(after.containers[0]?.resources?.limits, { cpu: '200m' })
  assert.deepEqual(world.eventsOf('Killing'), ['Container main resize requires restart'])
  assert.deepEqual(resizes, [])
})

test('a resize that fails is told with its reason and tried again', async () => {
  const { world, resizes, fail } = await resizingWorld()
  await using _ = world
  const first = podOf(buildPod(), limited('100m'), 1)
  const ref = await world.create(first)
  await world.untilRunning(ref)
  fail.push(new Error('device or resource busy'))
  await world.provider.updatePod(world.request(podOf(first, limited('200m'), 2)), world.context)
  const failed = await world.until(ref, ({ resize }) => resize?.error !== undefined)
  assert.deepEqual(failed.resize, { isUnderWay: true, error: 'device or resource busy' })
  assert.deepEqual(failed.containers[0]?.resources?.limits, { cpu: '100m' })
  assert.deepEqual(failed.containers[0]?.allocatedResources, { cpu: '200m' })
  await world.passToRetry(10_000)
  await world.until(ref, ({ resize }) => resize === undefined)
  assert.equal(resizes.length, 1)
})

test('memory is not limited below what is in use', async () => {
  const { world, resizes } = await resizingWorld()
  await using _ = world
  const withMemory = (memory: string): Container =>
    buildContainer({ resources: { limits: { memory } } })
  const usage = { memory: { time: '', usageBytes: 5000 }, name: 'main', startTime: '' }
  Object.assign(world.runtime, {
    containerStats: async (keys: readonly unknown[]) => keys.map((key) => ({ key, stats: usage })),
  })
  const first = podOf(buildPod(), withMemory('10Ki'), 1)
  const ref = await world.create(first)
  await world.untilRunning(ref)
  await world.provider.updatePod(world.request(podOf(first, withMemory('4Ki'), 2)), world.context)
  const failed = await world.until(ref, ({ resize }) => resize?.error !== undefined)
  assert.equal(
    failed.resize?.error,
    'cannot decrease memory limits: attempting to set container "main" memory limit (4096) below current usage (5000)',
  )
  await world.provider.updatePod(world.request(podOf(first, withMemory('8Ki'), 3)), world.context)
  await world.until(ref, ({ resize }) => resize === undefined)
  assert.deepEqual(resizes, [{ name: 'main', limits: { memory: '8Ki' } }])
})

test('as long as nobody knows what is in use, memory is not limited further', async () => {
  const { world, resizes } = await resizingWorld()
  await using _ = world
  const withMemory = (memory: string): Container =>
    buildContainer({ resources: { limits: { memory } } })
  let isMeasured = false
  const usage = { memory: { time: '', usageBytes: 5000 }, name: 'main', startTime: '' }
  Object.assign(world.runtime, {
    containerStats: async (keys: readonly unknown[]) =>
      isMeasured ? keys.map((key) => ({ key, stats: usage })) : [],
  })
  const first = podOf(buildPod(), withMemory('10Ki'), 1)
  const ref = await world.create(first)
  await world.untilRunning(ref)
  await world.provider.updatePod(world.request(podOf(first, withMemory('8Ki'), 2)), world.context)
  const failed = await world.until(ref, ({ resize }) => resize?.error !== undefined)
  const error = 'cannot decrease memory limits: missing container "main" memory usage'
  assert.equal(failed.resize?.error, error)
  assert.deepEqual(resizes, [])
  isMeasured = true
  await world.passToRetry(10_000)
  await world.until(ref, ({ resize }) => resize === undefined)
  assert.deepEqual(resizes, [{ name: 'main', limits: { memory: '8Ki' } }])
})

test('what was granted outlives kill -9, and what was not carried out yet is', async () => {
  const { world, resizes, fail } = await resizingWorld()
  await using _ = world
  const first = podOf(buildPod(), limited('100m'), 1)
  const ref = await world.create(first)
  await world.untilRunning(ref)
  fail.push(new Error('busy'), new Error('busy'))
  const second = podOf(first, limited('200m'), 2)
  await world.provider.updatePod(world.request(second), world.context)
  await world.until(ref, ({ resize }) => resize?.error !== undefined)
  const record = join(podDir(world.rootDir, ref.uid), 'pod.json')
  const isSaved = async () => (await readFile(record, 'utf8').catch(() => '')).includes('200m')
  await world.eventually(isSaved)
  await world.restartAfterKill()
  const adopted = await world.observed(ref)
  assert.deepEqual(adopted?.allocation, { main: second.spec.containers[0]?.resources })
  assert.deepEqual(adopted?.containers[0]?.resources?.limits, { cpu: '100m' })
  fail.length = 0
  await world.create(second)
  await world.until(ref, ({ resize }) => resize === undefined)
  assert.deepEqual(resizes, [{ name: 'main', limits: { cpu: '200m' } }])
})

test('a runtime that cannot resize says nothing of resources', async () => {
  await using world = await RuntimeWorld.open()
  const ref = await world.create(podOf(buildPod(), limited('100m'), 1))
  const { containers, allocation } = await world.untilRunning(ref)
  assert.equal(allocation, undefined)
  assert.equal(containers[0]?.resources, undefined)
  assert.equal(containers[0]?.allocatedResources, undefined)
})

test('a pod as a whole is resized before its containers where it grows, and after them where it shrinks', async () => {
  const calls: string[] = []
  const memory = (amount: string) => ({ requests: { memory: amount }, limits: { memory: amount } })
  const whole = (
    pod: Pod,
    [ofPod, ofContainer]: readonly [string, string],
    generation: number,
  ): Pod => {
    const next = podOf(pod, buildContainer({ resources: memory(ofContainer) }), generation)
    return { ...next, spec: { ...next.spec, resources: memory(ofPod) } }
  }
  const runtime: Partial<ContainerRuntime> = {
    updateResources: async (_key, { spec }) =>
      void calls.push(`main ${spec.resources?.limits?.['memory']}`),
    updatePodResources: async ({ spec }) =>
      void calls.push(`pod ${spec.resources?.limits?.['memory']}`),
  }
  const all = { ...features, 'resources.podLevelResize': true } as const
  await using world = await RuntimeWorld.open({}, { features: all, ...runtime })
  const first = whole(buildPod(), ['100Mi', '50Mi'], 1)
  const ref = await world.create(first)
  const before = await world.untilRunning(ref)
  assert.deepEqual(before.podLevel, {
    resources: memory('100Mi'),
    allocatedResources: { memory: '100Mi' },
  })
  assert.deepEqual(calls, [])
  const resize = async (pod: Pod) => {
    await world.provider.updatePod(world.request(pod), world.context)
    const asked = await world.observed(ref)
    assert.deepEqual([asked?.resize, asked?.podLevel?.resources], [{ isUnderWay: true }, has])
    const after = await world.until(ref, (observed) => observed.resize === undefined)
    has = after.podLevel?.resources ?? assert.fail()
    assert.deepEqual(has, pod.spec.resources)
  }
  let has = memory('100Mi') as object
  await resize(whole(first, ['200Mi', '150Mi'], 2))
  assert.deepEqual(calls.splice(0), ['pod 200Mi', 'main 150Mi'])
  await resize(whole(first, ['80Mi', '40Mi'], 3))
  assert.deepEqual(calls.splice(0), ['main 40Mi', 'pod 80Mi'])
  // What a crash comes before is done again.
  await world.eventually(async () => {
    const text = await readFile(join(podDir(world.rootDir, ref.uid), 'pod.json'), 'utf8')
    const { podResources } = JSON.parse(text) as PodRecord
    return podResources?.limits?.['memory'] === '80Mi'
  })
  await world.restartAfterKill()
  const last = whole(first, ['80Mi', '40Mi'], 3)
  await world.create(last)
  await world.settle()
  assert.deepEqual(calls, [])
  assert.equal(world.runtime.starts.length, 1)
})

test('a pod as a whole does not get less memory than it uses', async () => {
  let updates = 0
  const all = { ...features, 'resources.podLevelResize': true } as const
  const runtime: Partial<ContainerRuntime> = {
    updateResources: async () => {},
    updatePodResources: async () => void updates++,
  }
  await using world = await RuntimeWorld.open({}, { features: all, ...runtime })
  Object.assign(world.runtime, {
    containerStats: async (keys: readonly object[]) =>
      keys.map((key) => ({ key, stats: { memory: { time: '', usageBytes: 60 * 1024 * 1024 } } })),
  })
  const whole = (amount: string, generation: number): Pod => {
    const pod = podOf(first, buildContainer({}), generation)
    return { ...pod, spec: { ...pod.spec, resources: { limits: { memory: amount } } } }
  }
  const first = buildPod()
  const ref = await world.create(whole('100Mi', 1))
  await world.untilRunning(ref)
  await world.provider.updatePod(world.request(whole('50Mi', 2)), world.context)
  const refused = await world.until(ref, ({ resize }) => resize?.error !== undefined)
  assert.equal(
    refused.resize?.error,
    'cannot decrease memory limits: attempting to set pod memory limit (52428800) below current usage (62914560)',
  )
  assert.equal(updates, 0)
  await world.provider.updatePod(world.request(whole('90Mi', 3)), world.context)
  await world.until(ref, ({ resize }) => resize === undefined)
  assert.equal(updates, 1)
})
