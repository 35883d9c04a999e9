// SPDX-License-Identifier: Apache-2.0
// What is said of a pod's mounts without a start, and that a start says the same.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { at, noSandbox, outputOf, sandboxWorld } from '../../../../test/support/sandbox-world.ts'
import { startOf, volume } from '../../../../test/support/sandbox-world.ts'
import type { Container, Pod, Volume } from '../../../kube/types.gen.ts'
import { VkError } from '../../../util/vk-error.ts'
import { findHostTools } from '../host-tools.ts'
import { hostTree } from './file-tree.ts'
import { mountProblems } from './mount-problems.ts'
import type { ProblemPlaces } from './mount-problems.ts'
import { findTrustedFiles } from './trusted-files.ts'

const isRoot = process.getuid?.() === 0
const skip = noSandbox

const places: ProblemPlaces = {
  tree: hostTree,
  isRoot,
  trusted: noSandbox ? [] : findTrustedFiles(findHostTools()),
  visible: [],
  image: 'host',
}

function problemsOf(
  parts: Partial<Container>,
  { volumes = [{ name: 'v', emptyDir: {} }], ...more }: MoreOfPod = {},
): readonly string[] {
  const spec: Container = { name: 'main', ...parts }
  const metadata = { name: 'p', namespace: 'default', uid: 'u' }
  const { beside = [], ...otherPlaces } = more
  const pod: Pod = { metadata, spec: { volumes: [...volumes], containers: [spec, ...beside] } }
  const found = mountProblems({ pod, spec, at: 'spec' }, { ...places, ...otherPlaces })
  return found.map(({ field, why }) => `${field}: ${why}`)
}

interface MoreOfPod extends Partial<ProblemPlaces> {
  readonly volumes?: readonly Volume[]
  readonly beside?: readonly Container[]
}

const mounted = (mountPath: string): Partial<Container> => ({
  volumeMounts: [{ name: 'v', mountPath }],
})

const never = [
  '/',
  '/usr',
  '/bin',
  '/lib',
  '/usr/bin',
  '/proc',
  '/proc/foo',
  '/proc/cpuinfo',
  '/proc/../dev/',
  '/dev',
  '/dev/null',
  '/dev/fd',
  '/dev/stdout/x',
  '/dev/pts',
  '/sys',
  '/etc/passwd',
  '/etc/passwd/below',
  ...(isRoot ? ['/etc', '/etc/ld.so.preload'] : []),
]
const fine = ['/data', '/tmp', '/var/run/x', '/run', '/dev/shm', '/dev/vk', '/etc/app', '/opt/x/y']

test(
  'a start refuses what was said to be refused, in the same words, and nothing else',
  {
    skip,
  },
  async () => {
    await using world = await sandboxWorld()
    const dir = await volume(world, 'data', { key: 'value' })
    for (const [index, mountPath] of [...never, ...fine].entries()) {
      const said = problemsOf(mounted(mountPath))
      const start = startOf(world, {
        script: `cat '${join(mountPath, 'key')}'`,
        mounts: [at(dir, mountPath)],
        uid: `mount-${index}`,
      })
      if (index >= never.length) {
        assert.deepEqual(said, [])
        assert.equal((await outputOf(world, start)).stdout, 'value', mountPath)
        continue
      }
      assert.equal(said.length, 1, mountPath)
      await assert.rejects(world.runtime.startContainer(start, world.context), (error) => {
        assert.ok(error instanceof VkError)
        assert.equal(error.podReason, 'CreateContainerError')
        assert.equal(said[0]?.replace(/[^"]*(?=")/, ''), error.message.replace(/[^"]*(?=")/, ''))
        return true
      })
    }
  },
)

test('a terminationMessagePath that names a directory is told as that', { skip }, async () => {
  const why = 'Cannot use terminationMessagePath "/tmp": there is a directory, and a file to mount'
  assert.deepEqual(problemsOf({ terminationMessagePath: '/tmp' }), [
    `spec.terminationMessagePath: ${why}`,
  ])
  assert.deepEqual(problemsOf({ terminationMessagePath: '/dev/termination-log' }), [])
  assert.deepEqual(problemsOf({ ...mounted('/data'), terminationMessagePath: '/data' }), [])
  await using world = await sandboxWorld()
  const dir = await volume(world, 'data', { message: '' })
  const mounts = [at(join(dir, 'message'), '/tmp', { name: '', kind: 'file' })]
  const start = startOf(world, { script: 'true', mounts })
  const spec = { ...start.spec, terminationMessagePath: '/tmp' }
  const started = world.runtime.startContainer({ ...start, spec }, world.context)
  await assert.rejects(started, { message: why })
})

test('files of volumes are judged by what they are, or left to the start', { skip }, () => {
  const config = { volumes: [{ name: 'v', configMap: { name: 'c' } }] }
  const key = { volumeMounts: [{ name: 'v', mountPath: '/etc/passwd', subPath: 'passwd' }] }
  assert.deepEqual(problemsOf(key, config), [])
  const ofHost = (path: string, type?: string): MoreOfPod => ({
    volumes: [{ name: 'v', hostPath: { path, ...(type !== undefined && { type }) } }],
  })
  assert.deepEqual(problemsOf(mounted('/etc/passwd'), ofHost('/etc/group')), [])
  assert.equal(problemsOf(mounted('/tmp'), ofHost('/etc/group')).length, 1)
  assert.equal(problemsOf(mounted('/etc/passwd'), ofHost('/tmp')).length, 1)
  assert.equal(problemsOf(mounted('/tmp'), ofHost('/no/such', 'FileOrCreate')).length, 1)
  assert.deepEqual(problemsOf(mounted('/dev/null'), ofHost('/dev/zero')), [])
})

test('a mount inside of what others can write to is told of', { skip }, () => {
  const volumes = [
    { name: 'v', emptyDir: {} },
    { name: 'w', emptyDir: {} },
  ]
  const nested = {
    volumeMounts: [
      { name: 'w', mountPath: '/data/x' },
      { name: 'v', mountPath: '/data' },
    ],
  }
  assert.deepEqual(problemsOf(nested, { volumes }), [])
  const beside = [{ name: 'other', volumeMounts: [{ name: 'v', mountPath: '/v' }] }]
  assert.deepEqual(problemsOf(nested, { volumes, beside }), [
    'spec.volumeMounts[0].mountPath: Cannot mount volume "w" at "/data/x": it lies in a volume that others can write to',
  ])
})

test('in images, what starts containers is in another place', { skip }, () => {
  const at = (mountPath: string) => problemsOf(mounted(mountPath), { image: 'unknown' })
  assert.deepEqual(at('/usr/bin'), [])
  for (const path of ['/.virtual-kubelet', '/proc', '/']) assert.equal(at(path).length, 1, path)
})

test('for an ordinary user, files of the loader are the pod’s to choose', { skip }, () => {
  assert.deepEqual(problemsOf(mounted('/etc'), { isRoot: false }), [])
  assert.equal(problemsOf(mounted('/usr'), { isRoot: false }).length, 1)
  assert.equal(problemsOf(mounted('/dev'), { isRoot: false }).length, 1)
})
