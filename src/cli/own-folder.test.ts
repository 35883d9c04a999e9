// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { chmod, mkdtempDisposable, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { UserError } from '../util/vk-error.ts'
import { makeOwnFolder } from './own-folder.ts'

test('a folder is made for its owner alone, and taken again', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'vk-own-'))
  const folder = join(dir.path, 'a/b')
  await makeOwnFolder(folder)
  await makeOwnFolder(folder)
  assert.equal((await stat(folder)).mode & 0o777, 0o700)
})

test("somebody else's folder is refused, and one that others may write to", async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'vk-own-'))
  const other = (process.getuid?.() ?? 0) + 1
  const isRefusal = (words: RegExp) => (error: unknown) =>
    error instanceof UserError && words.test(error.message)
  await assert.rejects(makeOwnFolder(dir.path, { uid: other }), isRefusal(/belongs to user \d+$/))
  await chmod(dir.path, 0o711)
  await makeOwnFolder(dir.path)
  await chmod(dir.path, 0o1777)
  await assert.rejects(makeOwnFolder(dir.path), isRefusal(/others may write there$/))
})
