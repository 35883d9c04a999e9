// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeFolder } from './make-folder.ts'

async function temporary(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'vk-folder-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

test('makes all that is missing, for this user only, and keeps what is there', async () => {
  await using folder = await temporary()
  const deep = join(folder.path, 'a/b/c')
  await makeFolder(deep)
  await makeFolder(deep)
  assert.equal((await stat(deep)).mode & 0o777, 0o700)
})

test('a file on the way is named in one line', async () => {
  await using folder = await temporary()
  await writeFile(join(folder.path, 'file'), '')
  await assert.rejects(makeFolder(join(folder.path, 'file/below')), {
    name: 'UserError',
    message: /^Cannot use the directory ".*\/file\/below": part of its path is a file$/,
  })
})

test(
  'a file system that takes no directories is refused and not asked for ever',
  { skip: process.platform === 'linux' ? false : 'needs /proc' },
  async () => {
    await assert.rejects(makeFolder('/proc/virtual-kubelet/below'), {
      name: 'UserError',
      message: /takes no directories/,
    })
  },
)
