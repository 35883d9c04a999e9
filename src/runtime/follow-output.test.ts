// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempDisposable, readdir, readlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { FakeClock } from '../util/fake-clock.ts'
import { followOutput } from './follow-output.ts'

/** Is a file open here? */
async function isOpen(path: string): Promise<boolean> {
  const links = (await readdir('/proc/self/fd')).map((fd) =>
    readlink(`/proc/self/fd/${fd}`).catch(() => ''),
  )
  return (await Promise.all(links)).includes(path)
}

test(
  'an output that nobody begins to read is let go of',
  { skip: process.platform !== 'linux' && 'Linux tells which files are open' },
  async () => {
    await using dir = await mkdtempDisposable(join(tmpdir(), 'vk-follow-'))
    const path = join(dir.path, 'stdout.log')
    await writeFile(path, '')
    const { signal } = new AbortController()
    const output = await followOutput(path, { clock: new FakeClock(), ended: signal, signal })
    assert.equal(await isOpen(path), true)
    const closed = once(output, 'close')
    output.destroy()
    await closed
    for (let turns = 0; turns < 1000 && (await isOpen(path)); turns += 1) await turn()
    assert.equal(await isOpen(path), false)
  },
)
