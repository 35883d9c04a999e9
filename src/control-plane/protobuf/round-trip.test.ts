// SPDX-License-Identifier: Apache-2.0
// Whatever object of a kind that is served goes into protobuf comes out again as JSON has it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { arbitraryStruct } from '../../../test/support/arbitrary-object.ts'
import { encodeProtobuf } from '../../../test/support/encode-protobuf.ts'
import { decodeStructured } from '../schema/decode-value.ts'
import { schemaCatalog, type TypeSchema } from '../schema/schema-catalog.ts'
import { decodeProtobuf } from './decode-protobuf.ts'
import { findMessage } from './message-catalog.ts'

const types = [...schemaCatalog().values()].filter(
  ({ kinds, name }) => kinds.length > 0 && findMessage(name),
)

for (const type of types) {
  test(`reads any ${type.name} from protobuf`, () => {
    const property = fc.property(arbitraryStruct(type), (value) => {
      const object = identified(decodeStructured(value, type).value, type)
      const decoded = decodeProtobuf(encodeProtobuf(object, type.name))
      assert.deepEqual(comparable(decoded), comparable(object))
    })
    fc.assert(property, { numRuns: 10 })
  })
}

function identified(object: Readonly<Record<string, unknown>>, { kinds }: TypeSchema) {
  const [[group, version, kind] = ['', '', '']] = kinds
  return { ...object, apiVersion: group === '' ? version : `${group}/${version}`, kind }
}

/** Without what protobuf cannot tell: empty lists and maps, and the kind of objects within objects. */
function comparable(value: unknown, isInside = false): unknown {
  if (Array.isArray(value)) return value.map((item) => comparable(item, true))
  if (typeof value !== 'object' || value === null) return value
  const isClaim = isInside && 'spec' in value && 'metadata' in value
  const entries = Object.entries(value)
    .filter(([name]) => !isClaim || (name !== 'apiVersion' && name !== 'kind'))
    .map(([name, item]) => [name, comparable(item, true)] as const)
    .filter(([, item]) => !isEmpty(item))
  return Object.fromEntries(entries)
}

function isEmpty(value: unknown): boolean {
  if (value === null) return true
  return typeof value === 'object' && Object.keys(value).length === 0
}
