// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { UserError } from '../util/vk-error.ts'
import { readInstanceId } from './instance-id.ts'

test('a directory has one instance id for ever, and two directories have two', async () => {
  await using dirs = new AsyncDisposableStack()
  const newDir = async (): Promise<string> => {
    const dir = await mkdtemp(join(tmpdir(), 'vk-instance-'))
    dirs.defer(() => rm(dir, { recursive: true }))
    return dir
  }
  const [one, two] = [await newDir(), await newDir()]
  const id = await readInstanceId(one)
  assert.equal(await readInstanceId(one), id)
  assert.notEqual(await readInstanceId(two), id)
  assert.deepEqual(await readdir(one), ['instance'])
  await writeFile(join(two, 'instance'), 'torn')
  assert.match(await readInstanceId(two), /^[0-9a-f-]{36}$/)
  await assert.rejects(readInstanceId(join(one, 'none')), UserError)
})
