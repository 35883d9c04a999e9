// SPDX-License-Identifier: Apache-2.0
// Laws of decoding: it is done once and for all, it copies nothing that conforms, it never changes
// what it is given.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { arbitraryStruct } from '../../../test/support/arbitrary-object.ts'
import { decodeStructured } from './decode-value.ts'
import type { JsonObject } from './json-object.ts'
import { schemaOf } from './schema-of.ts'

const pod = schemaOf('v1', 'Pod')
const deployment = schemaOf('apps/v1', 'Deployment')
assert.ok(pod && deployment)

for (const type of [pod, deployment]) {
  test(`what is decoded of a ${type.goName} decodes to itself, the very same object`, () => {
    const property = fc.property(arbitraryStruct(type), (value) => {
      const before = structuredClone(value)
      const first = decodeStructured(value, type)
      assert.equal(first.fault, undefined)
      assert.deepEqual(first.unknownFields, [])
      assert.deepEqual(value, before)
      assert.equal(decodeStructured(first.value, type).value, first.value)
    })
    fc.assert(property, { numRuns: 60 })
  })

  test(`unknown fields put anywhere into a ${type.goName} are found and dropped`, () => {
    const property = fc.property(arbitraryStruct(type), (value) => {
      const clean = decodeStructured(value, type).value
      const dirty = {
        ...clean,
        zzz: { a: 1 },
        metadata: { ...(clean['metadata'] as object), yyy: 1 },
      }
      const { value: again, unknownFields } = decodeStructured(dirty, type)
      assert.deepEqual([...unknownFields].sort(), ['metadata.yyy', 'zzz'])
      assert.deepEqual(again, { ...clean, metadata: clean['metadata'] ?? {} })
    })
    fc.assert(property, { numRuns: 50 })
  })
}

test('what is shared with an object that was decoded before is not looked at again', () => {
  const known: JsonObject = { metadata: { name: 'p' }, spec: { notAField: 1 } }
  const patched = { ...known, metadata: { name: 'q', neither: 1 } }
  const { value, unknownFields } = decodeStructured(patched, pod, { known })
  assert.deepEqual(unknownFields, ['metadata.neither'])
  assert.equal(value['spec'], known['spec'])
})

test('words faults of patched maps as their converter does', () => {
  const faults: readonly [object: JsonObject, fault: string][] = [
    [{ metadata: { labels: { a: 1 } } }, 'cannot convert int64 to string'],
    [{ spec: { terminationGracePeriodSeconds: 'x' } }, 'unrecognized type: int64'],
    [{ spec: { hostNetwork: 1 } }, 'unrecognized type: bool'],
    [{ spec: { containers: 'x' } }, 'cannot restore slice from string'],
    [{ metadata: 'x' }, 'cannot restore struct from: string'],
    [{ metadata: { labels: ['a'] } }, 'cannot restore map from slice'],
    [{ spec: { priority: 1.5 } }, 'cannot convert float64 to int32'],
  ]
  for (const [object, fault] of faults) {
    assert.equal(decodeStructured(object, pod, { style: 'unstructured' }).fault, fault)
  }
})
