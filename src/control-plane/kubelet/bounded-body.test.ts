// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { firstBytes } from './bounded-body.ts'

function* chunks(count: number): Iterable<Buffer> {
  for (let index = 0; index < count; index++) yield Buffer.from('abc')
}

test('keeps a body that is short enough', async () => {
  assert.equal((await firstBytes(Readable.from(chunks(3)), 9)).toString(), 'abcabcabc')
  assert.equal((await firstBytes(Readable.from([]), 9)).length, 0)
})

test('takes the beginning of a body without end, and ends it', async () => {
  const endless = Readable.from(chunks(Number.POSITIVE_INFINITY))
  assert.equal((await firstBytes(endless, 10)).toString(), 'abcabcabca')
  assert.equal(endless.destroyed, true)
})
