// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtempDisposable, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readVolumeFile } from './read-volume-file.ts'

test('a file is read, also through links that stay in the volume', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'vk-file-'))
  const root = join(dir.path, 'volume')
  await mkdir(join(root, 'sub'), { recursive: true })
  await writeFile(join(root, 'sub', 'env'), 'ä')
  await symlink('sub', join(root, 'link'))
  assert.equal(await readVolumeFile(root, 'link/env'), 'ä')
})

test('nothing outside of the volume is read, and nothing that is no file', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'vk-file-'))
  const root = join(dir.path, 'volume')
  await mkdir(root)
  await writeFile(join(dir.path, 'outside'), 'secret')
  await symlink('../outside', join(root, 'out'))
  await symlink(join(dir.path, 'outside'), join(root, 'absolute'))
  execFileSync('mkfifo', [join(root, 'pipe')])
  await writeFile(join(root, 'large'), '')
  await truncate(join(root, 'large'), 1024 * 1024 + 1)
  for (const path of ['out', 'absolute', '../outside', 'pipe', 'large', 'missing', '.']) {
    await assert.rejects(readVolumeFile(root, path), Error, path)
  }
})
