// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import {
  mkdir,
  mkdtempDisposable,
  readdir,
  readFile,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { replaceFile } from './replace-file.ts'

test('a file is replaced as one, for its owner alone, and nothing else is left', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'vk-replace-'))
  const file = join(dir.path, 'a/b/key')
  await replaceFile(file, 'one')
  await replaceFile(file, 'two')
  assert.equal(await readFile(file, 'utf8'), 'two')
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  assert.deepEqual(await readdir(join(dir.path, 'a/b')), ['key'])
})

test('a link in the place of the file is replaced, not followed', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'vk-replace-'))
  const [target, file] = [join(dir.path, 'target'), join(dir.path, 'key')]
  await writeFile(target, 'mine')
  await symlink(target, file)
  await replaceFile(file, 'secret')
  assert.deepEqual(
    [await readFile(target, 'utf8'), await readFile(file, 'utf8')],
    ['mine', 'secret'],
  )
})

test('what cannot take the place of the file leaves nothing beside it', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'vk-replace-'))
  const taken = join(dir.path, 'taken')
  await mkdir(join(taken, 'folder'), { recursive: true })
  await assert.rejects(replaceFile(taken, 'text'))
  assert.deepEqual(await readdir(dir.path), ['taken'])
})
