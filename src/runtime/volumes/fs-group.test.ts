// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { tries } from '../../../test/support/test-size.ts'
import { applyVolumeGroup } from './fs-group.ts'
import { canHold } from './held-place.ts'

const skip = canHold && process.getuid?.() === 0 ? false : 'only root gives files to any group'

/** Exchanges the directory for a link to another one and back, as fast as it can. */
const swapper = `
const { renameSync, symlinkSync, unlinkSync } = require('node:fs')
const [dir, victim] = process.argv.slice(1)
console.log('ready')
for (;;) {
  renameSync(dir, dir + '-kept')
  symlinkSync(victim, dir)
  unlinkSync(dir)
  renameSync(dir + '-kept', dir)
}
`

test('links are given to the group, and what they lead to is not', { skip }, async () => {
  await using place = await makePlace()
  await symlink(place.victim, join(place.volume, 'link'))
  await applyVolumeGroup(place.volume, { gid: 4321, isReadOnly: false })
  assert.equal((await stat(join(place.volume, 'dir', 'file'))).gid, 4321)
  assert.equal((await stat(join(place.volume, 'dir', 'file'))).mode & 0o777, 0o660)
  await place.assertUntouched()
})

test('a directory that turns into a link meanwhile leads nowhere', { skip }, async () => {
  await using place = await makePlace()
  const child = spawn(process.execPath, ['-e', swapper, join(place.volume, 'dir'), place.victim])
  try {
    await once(child.stdout, 'data')
    for (let round = 0; round < tries(300, 80); round++) {
      await applyVolumeGroup(place.volume, { gid: 4321, isReadOnly: false }).catch(() => {})
    }
  } finally {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  await place.assertUntouched()
})

async function makePlace() {
  const base = await mkdtemp(join(tmpdir(), 'vk-fs-group-'))
  const [volume, victim] = [join(base, 'volume'), join(base, 'victim')]
  for (const dir of [join(volume, 'dir'), victim]) {
    await mkdir(dir, { recursive: true })
    await writeFile(join(dir, 'file'), '', { mode: 0o600 })
  }
  const look = async () =>
    await Promise.all(
      [victim, join(victim, 'file')].map(async (path) => {
        const { gid, mode } = await stat(path)
        return [gid, mode]
      }),
    )
  const before = await look()
  return {
    volume,
    victim,
    assertUntouched: async () => assert.deepEqual(await look(), before),
    [Symbol.asyncDispose]: async () => await rm(base, { recursive: true }),
  }
}
