// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { validateHeaderValue } from 'node:http'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { tries } from '../../../test/support/test-size.ts'
import { warningHeaders } from './warning-headers.ts'

test('quotes a sentence and sends it as UTF-8', () => {
  assert.deepEqual(warningHeaders(['unknown field "spec.\\日"']), [
    `299 - "unknown field \\"spec.\\\\${Buffer.from('日').toString('latin1')}\\""`,
  ])
})

test('leaves out what holds control characters', () => {
  assert.deepEqual(warningHeaders(['', 'a\nb', 'a\u007fb', 'fine']), ['299 - "fine"'])
})

test('cuts sentences when there are too many', () => {
  const many = Array.from({ length: 100_000 }, (_, index) => `${index} ${'x'.repeat(300)}`)
  const headers = warningHeaders(many)
  assert.equal(headers.length, 16)
  assert.ok(headers.every((text) => text.length === '299 - ""'.length + 256))
  assert.equal(warningHeaders(['x'.repeat(4096)])[0]?.length, '299 - ""'.length + 4096)
})

test('makes valid headers of any text', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' })), (sentences) => {
      for (const text of warningHeaders(sentences)) validateHeaderValue('warning', text)
    }),
    { numRuns: tries(100, 30) },
  )
})
