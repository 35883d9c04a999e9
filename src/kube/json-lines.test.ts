// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { VkError } from '../util/vk-error.ts'
import { JsonLines } from './json-lines.ts'

test('reads the same values however the bytes are cut', () => {
  const value = fc.oneof(fc.jsonValue(), fc.string({ unit: 'grapheme' }))
  fc.assert(
    fc.property(fc.array(value), fc.array(fc.nat(60)), (values, cuts) => {
      const text = values.map((one) => `${JSON.stringify(one)}\n`).join('')
      let rest = Buffer.from(text)
      const lines = new JsonLines()
      const read: unknown[] = []
      for (const cut of [...cuts, rest.length]) {
        read.push(...lines.push(rest.subarray(0, cut)))
        rest = rest.subarray(cut)
      }
      assert.deepEqual(read, JSON.parse(JSON.stringify(values)))
    }),
    { seed: 11 },
  )
})

test('keeps an unfinished line to itself', () => {
  const lines = new JsonLines()
  assert.deepEqual(lines.push(Buffer.from('{"a":1}\n{"b"')), [{ a: 1 }])
  assert.deepEqual(lines.push(Buffer.from(':2}\n\n')), [{ b: 2 }])
})

test('does not quote what it cannot parse', () => {
  const broken = (): unknown => new JsonLines().push(Buffer.from('{"token": "SECRET"\n'))
  assert.throws(broken, (error) => error instanceof VkError && !error.message.includes('SECRET'))
})

test('refuses a line without an end', () => {
  const lines = new JsonLines()
  const chunk = Buffer.alloc(1024 * 1024, 'x')
  assert.throws(() => {
    for (let i = 0; i < 65; i++) lines.push(chunk)
  }, /longer than 67108864 bytes/)
})
