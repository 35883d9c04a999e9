// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, readdir, rm, stat, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { writeVolume } from './atomic-writer.ts'

test(
  'a file that only one user may read belongs to that user',
  { skip: process.getuid?.() === 0 ? false : 'only root can give a file away' },
  async () => {
    const dir = await mkdtemp(join(tmpdir(), 'vk-volume-'))
    try {
      const content = new TextEncoder().encode('secret')
      const files = [
        { path: 'token', mode: 0o600, ownerUid: 1234, content },
        { path: 'ca.crt', mode: 0o644, content },
      ]
      await writeVolume(dir, { files, nowMs: Date.UTC(2026, 0, 1) })
      const token = await stat(join(dir, 'token'))
      assert.deepEqual([token.uid, token.mode & 0o777], [1234, 0o600])
      assert.equal((await stat(join(dir, 'ca.crt'))).uid, 0)
      assert.equal(await readFile(join(dir, 'token'), 'utf8'), 'secret')
    } finally {
      await rm(dir, { recursive: true, force: true })
    }
  },
)

test('what a life of ours that was killed had begun is finished by the next one', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'vk-volume-'))
  try {
    const content = new TextEncoder().encode('text')
    const files = ['a', 'b/c'].map((path) => ({ path, mode: 0o644, content }))
    await writeVolume(dir, { files, nowMs: Date.UTC(2026, 0, 1) })
    const whole = (await readdir(dir)).sort()
    // As after the link was set: a name is missing, one is too many, and the generation before is there still.
    await rm(join(dir, 'a'))
    await symlink('..data/gone', join(dir, 'gone'))
    await mkdir(join(dir, '..2025_12_31_00_00_00.0'))
    assert.equal(await writeVolume(dir, { files, nowMs: Date.UTC(2026, 0, 2) }), false)
    assert.deepEqual((await readdir(dir)).sort(), whole)
    assert.equal(await readFile(join(dir, 'a'), 'utf8'), 'text')
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
})
