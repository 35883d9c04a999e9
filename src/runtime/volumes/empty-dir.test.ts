// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { link, mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import { ensureEmptyDir, memorySizeOf, sizeLimitOf } from './empty-dir.ts'
import { applyVolumeGroup } from './fs-group.ts'
import { measureUsage } from './volume-usage.ts'

const rootOnly = { skip: process.getuid?.() === 0 ? false : 'only root can change groups' }

async function folder(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'vk-emptydir-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o7777

test('an emptyDir is open to all, and what is in it stays', async (t) => {
  const dir = join(await folder(t), 'volumes', 'v')
  await ensureEmptyDir(dir, buildPod())
  assert.equal(await modeOf(dir), 0o777)
  await writeFile(join(dir, 'kept'), 'x')
  await ensureEmptyDir(dir, buildPod())
  assert.equal((await stat(join(dir, 'kept'))).size, 1)
})

test('an emptyDir of a pod with fsGroup belongs to the group', rootOnly, async (t) => {
  const dir = join(await folder(t), 'v')
  await ensureEmptyDir(dir, buildPod({ spec: { securityContext: { fsGroup: 4321 } } }))
  assert.equal((await stat(dir)).gid, 4321)
  assert.equal(await modeOf(dir), 0o2777)
  await mkdir(join(dir, 'below'))
  assert.equal((await stat(join(dir, 'below'))).gid, 4321)
})

test(
  'fsGroup changes all files, or none when the root fits and that is enough',
  rootOnly,
  async (t) => {
    const dir = await folder(t)
    await mkdir(join(dir, 'sub'), { mode: 0o700 })
    await writeFile(join(dir, 'sub', 'file'), '', { mode: 0o600 })
    await symlink('file', join(dir, 'sub', 'link'))
    await applyVolumeGroup(dir, { gid: 4321, isReadOnly: false })
    assert.deepEqual(
      [await modeOf(dir), await modeOf(join(dir, 'sub')), await modeOf(join(dir, 'sub/file'))],
      [0o2770, 0o2770, 0o660],
    )
    assert.equal((await stat(join(dir, 'sub/file'))).gid, 4321)
    await writeFile(join(dir, 'late'), '', { mode: 0o600 })
    await applyVolumeGroup(dir, { gid: 4321, isReadOnly: false, onlyOnRootMismatch: true })
    assert.equal(await modeOf(join(dir, 'late')), 0o600)
    await applyVolumeGroup(dir, { gid: 4322, isReadOnly: true, onlyOnRootMismatch: true })
    assert.equal((await stat(join(dir, 'late'))).gid, 4322)
    assert.equal(await modeOf(join(dir, 'late')), 0o640)
  },
)

test('usage counts blocks of files of several names once, and follows no links', async (t) => {
  const dir = await folder(t)
  const empty = await measureUsage(dir)
  await mkdir(join(dir, 'sub'))
  await writeFile(join(dir, 'sub', 'file'), Buffer.alloc(64 * 1024, 1))
  await link(join(dir, 'sub', 'file'), join(dir, 'again'))
  await symlink('/usr', join(dir, 'usr'))
  const { usedBytes, inodes } = await measureUsage(dir)
  assert.equal(inodes - empty.inodes, 3)
  assert.ok(usedBytes >= 64 * 1024 && usedBytes < 128 * 1024, String(usedBytes))
})

test('limits: of the volume, and for memory of the pod as well', () => {
  const volume = (sizeLimit?: string): Parameters<typeof sizeLimitOf>[0] => ({
    name: 'v',
    emptyDir: { medium: 'Memory', ...(sizeLimit !== undefined && { sizeLimit }) },
  })
  assert.equal(sizeLimitOf(volume('1Ki')), 1024)
  assert.equal(sizeLimitOf(volume('0')), undefined)
  const limited = buildContainer({ resources: { limits: { memory: '1Mi' } } })
  const pod = buildPod({ spec: { containers: [limited, limited] } })
  assert.equal(memorySizeOf(pod, volume('8Mi')), 2 * 1024 * 1024)
  assert.equal(memorySizeOf(pod, volume('1Ki')), 1024)
  const open = buildPod({ spec: { containers: [limited, buildContainer()] } })
  assert.equal(memorySizeOf(open, volume()), undefined)
})
