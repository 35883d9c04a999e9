// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { isAllowedHostPath, prepareHostPath, type HostPathRules } from './host-path.ts'

interface Place extends HostPathRules {
  readonly dir: string
  readonly outside: string
}

async function place(t: TestContext): Promise<Place> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'vk-hostpath-')))
  t.after(() => rm(root, { recursive: true, force: true }))
  const [dir, outside, protectedDir] = ['allowed', 'outside', 'allowed/own'].map((name) =>
    join(root, name),
  ) as [string, string, string]
  await mkdir(protectedDir, { recursive: true })
  await mkdir(outside)
  return { dir, outside, protectedDir, prefixes: [dir] }
}

test('a prefix allows itself and what is below, as paths and not as texts', () => {
  assert.ok(isAllowedHostPath('/data', ['/data']))
  assert.ok(isAllowedHostPath('/data/x/', ['/data/']))
  assert.ok(isAllowedHostPath('/anything', ['/']))
  assert.ok(!isAllowedHostPath('/data-other', ['/data']))
  assert.ok(!isAllowedHostPath('/data/../etc', ['/data']))
  assert.ok(!isAllowedHostPath('/data', []))
})

test('each type takes what it names and says what it misses', async (t) => {
  const at = await place(t)
  await writeFile(join(at.dir, 'file'), '')
  await mkdir(join(at.dir, 'dir'))
  const socket = createServer().listen(join(at.dir, 'socket'))
  t.after(() => socket.close())
  await new Promise((resolve) => socket.once('listening', resolve))
  const right = { File: 'file', FileOrCreate: 'file', Directory: 'dir', Socket: 'socket' }
  for (const [type, name] of Object.entries(right)) {
    const found = await prepareHostPath({ path: join(at.dir, name), type }, at)
    assert.deepEqual(found, { hostPath: join(at.dir, name), isDirectory: name === 'dir' })
  }
  const wrong = [
    ['Directory', 'file', 'directory'],
    ['DirectoryOrCreate', 'file', 'directory'],
    ['Directory', 'none', 'directory'],
    ['File', 'dir', 'file'],
    ['FileOrCreate', 'dir', 'file'],
    ['Socket', 'file', 'socket file'],
    ['CharDevice', 'file', 'character device'],
    ['BlockDevice', 'none', 'block device'],
  ] as const
  for (const [type, name, what] of wrong) {
    const path = join(at.dir, name)
    await assert.rejects(prepareHostPath({ path, type }, at), {
      message: `hostPath type check failed: ${path} is not a ${what}`,
    })
  }
})

test('what is missing is made where the type says so', async (t) => {
  const at = await place(t)
  await prepareHostPath({ path: join(at.dir, 'a/b'), type: 'DirectoryOrCreate' }, at)
  assert.equal((await stat(join(at.dir, 'a/b'))).mode & 0o777, 0o755)
  const file = await prepareHostPath({ path: join(at.dir, 'f'), type: 'FileOrCreate' }, at)
  assert.equal(file.isDirectory, false)
  assert.equal((await prepareHostPath({ path: join(at.dir, 'plain') }, at)).isDirectory, true)
  const missing = prepareHostPath({ path: join(at.dir, 'x/y'), type: 'FileOrCreate' }, at)
  await assert.rejects(missing, /^VkError: open .*ENOENT|ENOENT/)
})

test('links do not lead out of what is allowed, and nothing is made there', async (t) => {
  const at = await place(t)
  await symlink(at.outside, join(at.dir, 'link'))
  await symlink(join(at.dir, 'own'), join(at.dir, 'inwards'))
  for (const path of ['link', 'link/new', 'own', 'inwards', 'own/new'].map((p) =>
    join(at.dir, p),
  )) {
    await assert.rejects(prepareHostPath({ path, type: 'DirectoryOrCreate' }, at), /is not allowed/)
  }
  await assert.rejects(prepareHostPath({ path: '/etc' }, at), {
    code: 'Unsupported',
    message: `host path "/etc" is not allowed (hostPathPrefixes: ${at.dir})`,
  })
  assert.deepEqual(await readdir(at.outside), [])
  assert.deepEqual(await readdir(join(at.dir, 'own')), [])
})
