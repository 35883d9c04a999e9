// SPDX-License-Identifier: Apache-2.0
// Volumes through the front door: pods on a container runtime that is told where things lie.
import assert from 'node:assert/strict'
import {
  mkdtemp,
  readFile,
  readdir,
  realpath,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import { RuntimeWorld, refOf } from '../../../test/support/runtime-world.ts'
import type { Pod, Volume, VolumeMount } from '../../kube/types.gen.ts'
import type { Features } from '../../provider/features.ts'
import type { VolumeFile } from '../../provider/provider.ts'
import type { VolumeSupport } from '../container-runtime.ts'

const features: Features = {
  multipleContainers: true,
  'volume.configMap': true,
  'volume.emptyDir': true,
  'volume.emptyDirMedium': true,
  'volume.hostPath': true,
  'volume.image': true,
  'volume.persistentVolumeClaim': true,
  'volume.subPath': true,
}

function open(volumes: VolumeSupport = { delivery: 'mount' }): Promise<RuntimeWorld> {
  return RuntimeWorld.open({}, { features, volumes })
}

function podWith(volumes: readonly Volume[], mounts: readonly VolumeMount[]): Pod {
  const containers = [buildContainer({ volumeMounts: mounts })]
  return buildPod({ spec: { volumes, containers } })
}

const mount = (name: string, more: Partial<VolumeMount> = {}): VolumeMount => ({
  name,
  mountPath: `/${name}`,
  ...more,
})
const file = (path: string, text: string): VolumeFile => ({
  path,
  mode: 0o644,
  content: Buffer.from(text),
})
const config: Volume = { name: 'config', configMap: { name: 'c' } }
const scratch: Volume = { name: 'scratch', emptyDir: {} }

test('a runtime that mounts is told what lies where', async () => {
  await using world = await open()
  world.volumeFiles = () => ({ files: [file('key', 'one')] })
  const pod = podWith(
    [config, scratch],
    [
      mount('config'),
      mount('scratch', { readOnly: true, mountPropagation: 'HostToContainer' }),
      mount('scratch', { mountPath: 'relative', subPath: 'a/b' }),
      mount('config', { mountPath: '/file', subPath: 'key' }),
    ],
  )
  await world.untilRunning(await world.create(pod))
  const [start] = world.runtime.starts
  assert.deepEqual(
    start?.mounts.filter(({ name }) => name !== '').map(({ hostPath: _path, ...rest }) => rest),
    [
      { name: 'config', mountPath: '/config', isReadOnly: true, kind: 'dir' },
      {
        name: 'scratch',
        mountPath: '/scratch',
        isReadOnly: true,
        kind: 'dir',
        propagation: 'HostToContainer',
      },
      { name: 'scratch', mountPath: '/relative', isReadOnly: false, kind: 'dir' },
      { name: 'config', mountPath: '/file', isReadOnly: true, kind: 'file' },
    ],
  )
  const paths = start?.mounts.map(({ hostPath }) => hostPath) ?? []
  assert.equal(await readFile(join(paths[0] ?? '', 'key'), 'utf8'), 'one')
  assert.equal((await stat(paths[1] ?? '')).mode & 0o777, 0o777)
  assert.equal(paths[2], join(await realpath(paths[1] ?? ''), 'a', 'b'))
  assert.equal(await readFile(paths[3] ?? '', 'utf8'), 'one')
  assert.deepEqual(start?.resolved.env, [])
})

test('where nothing is mounted, variables tell, and the file of a subPath stays as it was', async () => {
  await using world = await open({ delivery: 'variable' })
  let text = 'one'
  world.volumeFiles = () => ({ files: [file('key', text)] })
  const pod = podWith(
    [config, { ...config, name: 'my-file' }],
    [mount('config'), mount('my-file', { subPath: 'key' })],
  )
  const ref = await world.create(pod)
  await world.untilRunning(ref)
  const env = world.runtime.starts[0]?.resolved.env ?? []
  const [dir, one] = ['VK_VOLUME_CONFIG', 'VK_VOLUME_MY_FILE'].map(
    (variable) => env.find(({ name }) => name === variable)?.value ?? '',
  ) as [string, string]
  const read = (): Promise<string[]> =>
    Promise.all([join(dir, 'key'), one].map((path) => readFile(path, 'utf8')))
  assert.deepEqual(await read(), ['one', 'one'])
  text = 'two'
  await world.provider.updatePod(world.request(pod), world.context)
  await world.eventually(async () => (await read())[0] === 'two')
  assert.deepEqual(await read(), ['two', 'one'])
})

test('a volume that is not there is told of at once, and again after two minutes and three seconds', async () => {
  await using world = await open()
  world.volumeFiles = () => {
    throw new Error('configmap "c" not found')
  }
  await world.create(podWith([config, scratch], [mount('config'), mount('scratch')]))
  await world.eventually(() => world.eventsOf('FailedMount').length === 1)
  for (let seconds = 0; seconds < 123; seconds += 10) await world.pass(10_000)
  await world.eventually(() => world.eventsOf('FailedMount').some((m) => m.includes('Unable')))
  const events = world.eventsOf('FailedMount')
  assert.equal(events[0], 'MountVolume.SetUp failed for volume "config" : configmap "c" not found')
  assert.equal(
    events.find((message) => message.startsWith('Unable')),
    'Unable to attach or mount volumes: unmounted volumes=[config], unattached volumes=[], ' +
      'failed to process volumes=[]: context deadline exceeded',
  )
  assert.equal(world.runtime.starts.length, 0)
})

test('claims lead to host paths that the node allows', async (t) => {
  const dir = await allowedDir(t)
  await using world = await open({ delivery: 'mount', hostPathPrefixes: [dir] })
  const claim = { claimName: 'c', readOnly: true }
  const pod = podWith([{ name: 'data', persistentVolumeClaim: claim }], [mount('data')])
  await world.create(pod)
  await world.eventually(() => world.eventsOf('FailedMount').length === 1)
  assert.equal(
    world.eventsOf('FailedMount')[0],
    'Unable to attach or mount volumes: unmounted volumes=[data], unattached volumes=[], ' +
      'failed to process volumes=[data]: no claim for volume data',
  )
  world.claimedVolume = () => ({
    claimName: 'c',
    volumeName: 'pv',
    isReadOnly: true,
    spec: { local: { path: dir } },
  })
  // The retry is planned a moment after the failure was told.
  while (world.runtime.starts.length === 0) await world.pass(500)
  const [found] = world.runtime.starts[0]?.mounts ?? []
  assert.deepEqual([found?.hostPath, found?.isReadOnly], [dir, true])
})

test('a host path that the node does not allow is refused before anything is made', async (t) => {
  const dir = await allowedDir(t)
  await using world = await open({ delivery: 'mount', hostPathPrefixes: [dir] })
  const pod = podWith([{ name: 'etc', hostPath: { path: '/etc' } }], [mount('etc')])
  await assert.rejects(world.create(pod), {
    code: 'Unsupported',
    message: `spec.volumes[0].hostPath: host path "/etc" is not allowed (hostPathPrefixes: ${dir})`,
  })
  assert.deepEqual(await world.provider.listPods(world.context), [])
})

test('volumes in memory and of images are the runtime’s to make', async (t) => {
  const dir = await allowedDir(t)
  await using world = await open({
    delivery: 'mount',
    prepareImage: ({ reference }) => {
      assert.equal(reference, 'models:1')
      return Promise.resolve({ hostPath: dir })
    },
  })
  const volumes: readonly Volume[] = [
    { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
    { name: 'image', image: { reference: 'models:1' } },
  ]
  await writeFile(join(dir, 'model'), '')
  const pod = podWith(volumes, [mount('memory'), mount('image', { subPath: 'model' })])
  await world.untilRunning(await world.create(pod))
  const [memory, image] = world.runtime.starts[0]?.mounts ?? []
  assert.deepEqual([memory?.kind, memory?.sizeBytes, memory?.isReadOnly], ['tmpfs', 1048576, false])
  assert.deepEqual(
    [image?.kind, image?.isReadOnly, image?.hostPath],
    ['file', true, join(dir, 'model')],
  )
})

test('a subPath that leads out of its volume keeps the container from starting', async (t) => {
  const dir = await allowedDir(t)
  await using world = await open({ delivery: 'mount', hostPathPrefixes: [dir] })
  await symlink('/etc', join(dir, 'link'))
  await symlink('/no/such/place', join(dir, 'nowhere'))
  await symlink('/etc/passwd/below', join(dir, 'below'))
  const volume = { name: 'host', hostPath: { path: dir } }
  // Whether there is something at its end is the host's business.
  for (const subPath of ['link', 'nowhere', 'below']) {
    const ref = await world.create(podWith([volume], [mount('host', { subPath })]))
    const observed = await world.until(ref, ({ containers }) =>
      containers.some(({ state }) => state?.waiting?.reason === 'CreateContainerConfigError'),
    )
    assert.equal(
      observed.containers[0]?.state?.waiting?.message,
      'failed to prepare subPath for volumeMount "host" of container "main": it leads out of the volume, or nowhere',
    )
  }
})

test('a subPath that a ConfigMap does not have is told as that', async () => {
  await using world = await open()
  world.volumeFiles = () => ({ files: [file('key', 'one')] })
  const ref = await world.create(podWith([config], [mount('config', { subPath: 'nokey' })]))
  const observed = await world.until(ref, ({ containers }) =>
    containers.some(({ state }) => state?.waiting?.reason === 'CreateContainerConfigError'),
  )
  assert.equal(
    observed.containers[0]?.state?.waiting?.message,
    'failed to prepare subPath for volumeMount "config" of container "main": the volume has no such path',
  )
})

test('after a kill the volumes are as they were', async () => {
  await using world = await open()
  const pod = podWith([scratch], [mount('scratch')])
  const ref = await world.create(pod)
  await world.untilRunning(ref)
  const [before] = world.runtime.starts[0]?.mounts ?? []
  await writeFile(join(before?.hostPath ?? '', 'kept'), 'x')
  await world.restartAfterKill()
  await world.create(pod)
  const key = world.runtime.running()[0]
  assert.ok(key)
  world.runtime.exit(key, 1)
  await world.passToRetry(20_000)
  await world.untilRunning(ref, 1)
  const [after] = world.runtime.starts.at(-1)?.mounts ?? []
  assert.equal(await readFile(join(after?.hostPath ?? '', 'kept'), 'utf8'), 'x')
})

async function allowedDir(t: TestContext): Promise<string> {
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'vk-volumes-')))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}

test('of a pod that is gone nothing is written, whenever its secrets come', async () => {
  await using world = await open()
  const pod = podWith([config], [mount('config')])
  const asked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<{ files: VolumeFile[] }>()
  const request = {
    ...world.request(pod),
    resolveVolume: async () => {
      asked.resolve()
      return await answer.promise
    },
  }
  await world.provider.createPod(request, world.context)
  await asked.promise
  const ref = refOf(pod)
  await world.delete(ref)
  await world.until(ref, ({ hasEnded }) => hasEnded)
  await world.provider.cleanUpPod?.(ref, world.context)
  answer.resolve({ files: [file('key', 'secret')] })
  await world.settle()
  assert.deepEqual(await readdir(join(world.rootDir, 'pods')), [])
})
