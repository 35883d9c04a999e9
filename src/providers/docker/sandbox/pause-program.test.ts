// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { codeOffset } from '../../../util/elf-file.ts'
import { pauseProgram } from './pause-program.ts'

const own = process.arch === 'x64' ? 'amd64' : process.arch

test('the program sleeps, and does not care for its children', async (t) => {
  const program = pauseProgram(own)
  if (process.platform !== 'linux' || !program) return t.skip('for another machine')
  const folder = mkdtempSync(join(tmpdir(), 'vk-pause-'))
  writeFileSync(join(folder, 'pause'), program, { mode: 0o755 })
  const child = spawn(join(folder, 'pause'))
  const exited = once(child, 'exit')
  try {
    await once(child, 'spawn')
    const status = (): string => readFileSync(`/proc/${child.pid}/status`, 'utf8')
    // Bit 16 is SIGCHLD, the seventeenth signal.
    while (!/^SigIgn:\t\w*1\w{4}$/m.test(status())) {
      assert.equal(child.exitCode, null, 'it runs')
      await delay(5)
    }
    assert.match(status(), /^State:\tS/m)
  } finally {
    child.kill()
    assert.deepEqual(await exited, [null, 'SIGTERM'])
    rmSync(folder, { recursive: true })
  }
})

test('both machines get an executable of their own, others none', () => {
  const [amd64, arm64] = ['amd64', 'arm64'].map((name) => pauseProgram(name))
  assert.equal(amd64?.readUInt16LE(18), 62)
  assert.equal(arm64?.readUInt16LE(18), 183)
  assert.equal(pauseProgram('constructor'), undefined)
})

test('the loop of arm64 is what its comments say', () => {
  const program = pauseProgram('arm64')
  assert.ok(program)
  const words = Array.from({ length: 15 }, (_, index) =>
    program.readUInt32LE(codeOffset + 4 * index),
  )
  const hex = words.map((word) => word.toString(16))
  assert.equal(hex[0], 'd28010c8') // mov x8, #134
  assert.equal(hex[6], 'd4000001') // svc #0
  assert.equal(hex[14], '17fffff9') // b .-28
  const action = program.readUInt32LE(codeOffset + 8)
  assert.equal((action >>> 5) & 0xffff, program.length - 32, 'the structure is at the end')
})
