// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { findProgram, parseInfo, sandboxPath } from './sandboxed-program.ts'
import { parseLibraries } from './trusted-files.ts'

test('reads what bwrap tells, and nothing from half of it', () => {
  assert.equal(parseInfo('{\n    "child-pid": 123,\n    "mnt-namespace": 4\n}\n'), 123)
  assert.equal(parseInfo('{\n    "child-'), undefined)
  assert.equal(parseInfo(''), undefined)
})

test('believes in no process that does not descend from the container’s', async (t) => {
  if (process.platform !== 'linux') return t.skip('needs /proc')
  const dir = await mkdtemp(join(tmpdir(), 'vk-sandboxed-'))
  const child = spawn('sleep', ['60'])
  try {
    await once(child, 'spawn')
    await writeFile(sandboxPath(dir), `{ "child-pid": ${child.pid} }`)
    const own = { ancestor: process.pid, hasOwnProcesses: false }
    assert.equal((await findProgram(dir, own))?.programPid, child.pid)
    assert.equal(await findProgram(dir, { ...own, ancestor: child.pid ?? 0 }), undefined)
    assert.equal(await findProgram(dir, { ...own, hasOwnProcesses: true }), undefined)
    await writeFile(sandboxPath(dir), '{ "child-pid": 1 }')
    assert.equal(await findProgram(dir, own), undefined)
  } finally {
    child.kill()
    await rm(dir, { recursive: true })
  }
})

test('reads libraries from what ldd prints, with glibc and with musl', () => {
  const glibc =
    '\tlinux-vdso.so.1 (0x00007f)\n\tlibc.so.6 => /lib/x/libc.so.6 (0x0a)\n\t/lib64/ld-linux.so.2 (0x0b)\n'
  assert.deepEqual(parseLibraries(glibc), ['/lib/x/libc.so.6', '/lib64/ld-linux.so.2'])
  const musl =
    '\t/lib/ld-musl-x86_64.so.1 (0x7f)\n\tlibc.musl-x86_64.so.1 => /lib/ld-musl-x86_64.so.1 (0x7f)\n'
  assert.deepEqual(parseLibraries(musl), ['/lib/ld-musl-x86_64.so.1'])
})
