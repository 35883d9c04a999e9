// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import type { StdioOptions } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openNamelessFile } from './nameless-file.ts'
import { findStrayDescriptors } from './stray-descriptors.ts'

test('finds what would be inherited, by the flags the kernel shows', () => {
  const dir = mkdtempSync(join(tmpdir(), 'vk-fdinfo-'))
  const flags = { 0: '00', 1: '01', 2: '02', 5: '02000002', 7: '0100001', 30: '0' }
  for (const [descriptor, value] of Object.entries(flags)) {
    writeFileSync(join(dir, descriptor), `pos:\t0\nflags:\t${value}\nmnt_id:\t1\n`)
  }
  assert.deepEqual(
    findStrayDescriptors(dir).toSorted((a, b) => a - b),
    [7, 30],
  )
  assert.deepEqual(findStrayDescriptors(join(dir, 'none')), [])
  rmSync(dir, { recursive: true })
})

test('sees a high descriptor that a process was started with', (t) => {
  if (process.platform !== 'linux') return t.skip('needs /proc')
  const module = fileURLToPath(new URL('stray-descriptors.ts', import.meta.url))
  const script = `import('${module}').then((m) => console.log(m.findStrayDescriptors().join()))`
  const stray = openSync('/dev/null', 'r')
  const stdio: StdioOptions = ['ignore', 'pipe', 'inherit']
  stdio[30] = stray
  const { stdout } = spawnSync(process.execPath, ['-e', script], {
    stdio: Array.from(stdio, (entry) => entry ?? 'ignore'),
    encoding: 'utf8',
  })
  closeSync(stray)
  assert.ok(stdout.trim().split(',').includes('30'), stdout)
})

test('a nameless file is read from its start, and is nowhere to be found', () => {
  const descriptor = openNamelessFile('é\n'.repeat(100_000))
  assert.equal(readFileSync(descriptor, 'utf8'), 'é\n'.repeat(100_000))
  closeSync(descriptor)
})
