// SPDX-License-Identifier: Apache-2.0
// Figures of pods on the fake runtime, with files that are really there.
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import { RuntimeWorld } from '../../../test/support/runtime-world.ts'
import type { ContainerKey } from '../container-runtime.ts'
import { attemptDir, volumeDir } from '../pod-dirs.ts'

const features = {
  multipleContainers: true,
  'volume.emptyDir': true,
  'volume.persistentVolumeClaim': true,
} as const

async function fill(dir: string, bytes: number): Promise<void> {
  await mkdir(dir, { recursive: true })
  await writeFile(join(dir, 'stdout.log'), Buffer.alloc(bytes, 1))
}

test('logs, volumes, claims and the sum of what goes with the pod', async (t) => {
  await using world = await RuntimeWorld.open(
    {},
    { features, volumes: { delivery: 'variable', hostPathPrefixes: ['/'] } },
  )
  const claimed = await mkdtemp(join(tmpdir(), 'vk-claimed-'))
  t.after(() => rm(claimed, { recursive: true, force: true }))
  world.claimedVolume = () => ({
    claimName: 'claim',
    volumeName: 'pv',
    isReadOnly: false,
    spec: { hostPath: { path: claimed } },
  })
  const mount = (name: string) => ({ name, mountPath: `/${name}` })
  const pod = buildPod({
    spec: {
      volumes: [
        { name: 'data', emptyDir: {} },
        { name: 'kept', persistentVolumeClaim: { claimName: 'claim' } },
      ],
      containers: [buildContainer({ volumeMounts: [mount('data'), mount('kept')] })],
    },
  })
  const ref = await world.create(pod)
  await world.untilRunning(ref)
  await fill(volumeDir(world.rootDir, { uid: ref.uid, volume: 'data' }), 200_000)
  await fill(attemptDir(world.rootDir, { pod: ref, name: 'main', attempt: 0 }), 100_000)
  const [stats] = await world.provider.podStats(world.context)
  const [container] = stats?.containers ?? []
  assert.ok((container?.logs?.usedBytes ?? 0) >= 100_000)
  assert.ok((container?.logs?.capacityBytes ?? 0) > 0)
  assert.equal(container?.rootfs, undefined)
  const [data, kept] = stats?.volume ?? []
  assert.equal(data?.name, 'data')
  assert.ok((data.usedBytes ?? 0) >= 200_000 && (data.usedBytes ?? 0) < 300_000)
  assert.equal(data.inodesUsed, 2)
  assert.equal(data.pvcRef, undefined)
  assert.deepEqual(kept?.pvcRef, { name: 'claim', namespace: 'ns' })
  assert.ok((kept.capacityBytes ?? 0) > 0)
  const sum = (data.usedBytes ?? 0) + (container?.logs?.usedBytes ?? 0)
  assert.equal(stats?.['ephemeral-storage']?.usedBytes, sum)
  const [short] = await world.provider.podStats(world.context, 'cpuAndMemory')
  assert.deepEqual(Object.keys(short ?? {}), ['podRef', 'startTime', 'containers', 'cpu', 'memory'])
  const [claims] = await world.provider.podStats(world.context, 'claims')
  assert.deepEqual(
    claims?.volume?.map(({ name }) => name),
    ['kept'],
  )
})

test('what a runtime knows of a pod’s network and processes is told, but not to those who want less', async () => {
  const network = { time: '', name: 'eth0', rxBytes: 7 }
  await using world = await RuntimeWorld.open(
    {},
    {
      features,
      sandboxStats: async (pods) =>
        pods.map((pod) => ({ pod, network, process_stats: { process_count: 3 } })),
    },
  )
  const ref = await world.create(buildPod())
  await world.untilRunning(ref)
  for (const wish of ['all', 'withoutDisk'] as const) {
    const [stats] = await world.provider.podStats(world.context, wish)
    assert.deepEqual(stats?.network, network)
    assert.deepEqual(stats.process_stats, { process_count: 3 })
  }
  const [short] = await world.provider.podStats(world.context, 'cpuAndMemory')
  assert.equal(short?.network, undefined)
})

test('a container that cannot be read hides no other, and its pod has no sum', async () => {
  await using world = await RuntimeWorld.open({}, { features })
  const readable = world.runtime.containerStats.bind(world.runtime)
  Object.assign(world.runtime, {
    containerStats: async (keys: readonly ContainerKey[]) =>
      await readable(keys.filter(({ name }) => name !== 'broken')),
  })
  const containers = [buildContainer(), buildContainer({ name: 'broken' })]
  const ref = await world.create(buildPod({ spec: { containers } }))
  await world.untilRunning(ref, 0, 'broken')
  const [stats] = await world.provider.podStats(world.context)
  assert.deepEqual(
    stats?.containers.map(({ name }) => name),
    ['main'],
  )
  assert.equal(stats.cpu, undefined)
  assert.equal(stats.memory, undefined)
})
