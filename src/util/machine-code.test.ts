// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { int32 } from './elf-file.ts'
import { assemble, branch, jump, systemCallAmd64, systemCallArm64 } from './machine-code.ts'

test('jumps of amd64 count from their end, forth and back', () => {
  const lines = ['start', jump([0x0f, 0x84], 'end'), [0x90], 'middle', jump([0xe9], 'start'), 'end']
  const expected = [0x0f, 0x84, ...int32(6), 0x90, 0xe9, ...int32(-12)]
  assert.deepEqual(assemble(lines), expected)
  assert.deepEqual(assemble(systemCallAmd64(60)), [0xb8, ...int32(60), 0x0f, 0x05])
})

test('branches of arm64 count words from their beginning, within their field', () => {
  const b = (to: string) => branch(0x14000000, { to, bits: 26, shift: 0 })
  const bLessOrEqual = (to: string) => branch(0x5400000d, { to, bits: 19, shift: 5 })
  const nop = int32(0xd503201f)
  const lines = ['start', nop, bLessOrEqual('end'), bLessOrEqual('start'), b('start'), 'end']
  // As GNU's assembler has them.
  const expected = [0xd503201f, 0x5400006d, 0x54ffffcd, 0x17fffffd].flatMap(int32)
  assert.deepEqual(assemble(lines), expected)
  assert.deepEqual(assemble(systemCallArm64(94)), [0xd2800bc8, 0xd4000001].flatMap(int32))
})

test('a jump to nowhere is none', () => {
  assert.throws(() => assemble([jump([0xe9], 'nowhere')]), /Cannot jump to "nowhere"/)
})
