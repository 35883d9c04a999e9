// SPDX-License-Identifier: Apache-2.0
// The protobuf of a document, byte by byte as protoc would write it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeOpenApiV2 } from './protobuf-document.ts'

test('encodes types with their references, lists, maps and extensions', () => {
  const document = {
    swagger: '2.0',
    info: { title: 'K', version: 'v1' },
    definitions: {
      A: {
        type: 'object',
        required: ['b'],
        properties: {
          b: { type: 'array', items: { $ref: '#/definitions/A' }, 'x-k': ['n'] },
        },
      },
    },
  }
  const reference = field(1, '#/definitions/A')
  const list = [
    field(22, field(1, 'array')),
    field(23, field(1, reference)),
    field(31, field(1, 'x-k') + field(2, field(2, '["n"]'))),
  ].join('')
  const type = [
    field(19, 'b'),
    field(22, field(1, 'object')),
    field(25, field(1, field(1, 'b') + field(2, list))),
  ].join('')
  const expected = [
    field(1, '2.0'),
    field(2, field(1, 'K') + field(2, 'v1')),
    field(8, ''),
    field(9, field(1, field(1, 'A') + field(2, type))),
  ].join('')
  assert.equal(encodeOpenApiV2(document).toString('latin1'), expected)
})

test('lengths above 127 take more than one byte', () => {
  const bytes = encodeOpenApiV2({ swagger: 'x'.repeat(300) })
  assert.deepEqual([...bytes.subarray(0, 3)], [10, 0b1010_1100, 0b10])
})

/** Tag and length of this test's fields fit one byte each, or two for tags above 15. */
function field(number: number, body: string): string {
  const tag = number * 8 + 2
  const head = tag > 127 ? [(tag % 128) + 128, tag >> 7] : [tag]
  return String.fromCharCode(...head, body.length) + body
}
