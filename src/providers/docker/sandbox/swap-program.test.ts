// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { codeOffset } from '../../../util/elf-file.ts'
import { swapProgram } from './swap-program.ts'

const own = process.arch === 'x64' ? 'amd64' : process.arch

test('the link is swapped, and what is old is removed', (t) => {
  const program = swapProgram(own)
  if (process.platform !== 'linux' || !program) return t.skip('for another machine')
  const folder = mkdtempSync(join(tmpdir(), 'vk-swap-'))
  const swap = join(folder, 'swap')
  const run = (...args: readonly string[]): number | null =>
    spawnSync(swap, args, { cwd: folder }).status
  try {
    writeFileSync(swap, program, { mode: 0o755 })
    for (const generation of ['..1', '..2']) {
      mkdirSync(join(folder, generation))
      writeFileSync(join(folder, generation, 'key'), generation)
    }
    symlinkSync('..1', join(folder, '..data'))
    symlinkSync('..2', join(folder, '..data_tmp'))
    assert.equal(run('..data_tmp', '..data', '..1/key', 'never-there', '..1', '..2'), 0)
    assert.equal(readlinkSync(join(folder, '..data')), '..2')
    assert.equal(readFileSync(join(folder, '..data/key'), 'utf8'), '..2')
    assert.deepEqual(readdirSync(folder).toSorted(), ['..2', '..data', 'swap'])
    assert.equal(run('..data', '..data'), 0, 'nothing to swap')
    assert.notEqual(run('never-there', '..data', '..2/key'), 0)
    assert.equal(readFileSync(join(folder, '..data/key'), 'utf8'), '..2', 'nothing was removed')
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('the code of arm64 is what its comments say', () => {
  const program = swapProgram('arm64')
  assert.ok(program)
  const words = Array.from({ length: (program.length - codeOffset) / 4 }, (_, index) =>
    program.readUInt32LE(codeOffset + 4 * index).toString(16),
  )
  // As GNU's assembler has it.
  assert.deepEqual(words, [
    '92800c60', // mov  x0, #-100
    'f9400be1', // ldr  x1, [sp, #16]
    '92800c62', // mov  x2, #-100
    'f9400fe3', // ldr  x3, [sp, #24]
    'd28004c8', // mov  x8, #38
    'd4000001', // svc  #0
    'b5000200', // cbnz x0, .+64
    '910083f4', // add  x20, sp, #32
    'f8408693', // ldr  x19, [x20], #8
    'b4000193', // cbz  x19, .+48
    '92800c60', // mov  x0, #-100
    'aa1303e1', // mov  x1, x19
    'd2800002', // mov  x2, #0
    'd2800468', // mov  x8, #35
    'd4000001', // svc  #0
    '92800c60', // mov  x0, #-100
    'aa1303e1', // mov  x1, x19
    'd2804002', // mov  x2, #512
    'd2800468', // mov  x8, #35
    'd4000001', // svc  #0
    '17fffff4', // b    .-48
    'd2800000', // mov  x0, #0
    'd2800ba8', // mov  x8, #93
    'd4000001', // svc  #0
  ])
  assert.equal(swapProgram('riscv64'), undefined)
})
