// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { resolveSubPath } from './sub-path.ts'

async function volumeFor(t: TestContext): Promise<string> {
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'vk-subpath-')))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}

test('a missing subPath becomes a directory with the mode of the volume', async (t) => {
  const volume = await volumeFor(t)
  await chmod(volume, 0o777)
  const found = await resolveSubPath(volume, { subPath: 'x/y', isReadOnly: false })
  assert.deepEqual(found, { hostPath: join(volume, 'x', 'y'), isDirectory: true })
  assert.equal((await stat(join(volume, 'x'))).mode & 0o777, 0o777)
  const again = await resolveSubPath(volume, { subPath: './x//y/', isReadOnly: true })
  assert.equal(again.hostPath, found.hostPath)
})

test('links that stay inside are followed, also to a file', async (t) => {
  const volume = await volumeFor(t)
  await mkdir(join(volume, 'real'))
  await writeFile(join(volume, 'real', 'file'), '')
  await symlink('real', join(volume, 'link'))
  await symlink('link/file', join(volume, 'far'))
  const found = await resolveSubPath(volume, { subPath: 'far', isReadOnly: false })
  assert.deepEqual(found, { hostPath: join(volume, 'real', 'file'), isDirectory: false })
})

test('links that lead out, or nowhere, are refused', async (t) => {
  const volume = await volumeFor(t)
  await symlink('/etc', join(volume, 'etc'))
  await symlink('/nonexistent', join(volume, 'nowhere'))
  await symlink('/etc/passwd/below', join(volume, 'below'))
  await symlink('loop', join(volume, 'loop'))
  await writeFile(join(volume, 'file'), '')
  const refuses = async (subPath: string, message: RegExp): Promise<void> =>
    await assert.rejects(resolveSubPath(volume, { subPath, isReadOnly: false }), message)
  // What is out there, or is not, is not told.
  for (const subPath of ['etc', 'etc/passwd', 'nowhere', 'nowhere/x', 'below', 'loop']) {
    await refuses(subPath, /^Error: it leads out of the volume, or nowhere$/)
  }
  await refuses('file/x', /^Error: the volume has no such path$/)
  await refuses('a/../..', /contains/)
  const missing = resolveSubPath(volume, { subPath: 'none', isReadOnly: true })
  await assert.rejects(missing, /the volume has no such path/)
})
