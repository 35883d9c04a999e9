// SPDX-License-Identifier: Apache-2.0
// JSON merge patch: the examples and laws of RFC 7386.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { applyMergePatch } from './merge-patch.ts'

const results: readonly [object: object, patch: object, expected: object][] = [
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
]

for (const [object, patch, expected] of results) {
  test(`${JSON.stringify(patch)} on ${JSON.stringify(object)}`, () => {
    assert.deepEqual(applyMergePatch({ ...object }, patch), expected)
  })
}

test('refuses what is no object', () => {
  for (const patch of [null, [], 'x', 1, true]) {
    assert.throws(() => applyMergePatch({}, patch), { name: 'StatusError', code: 400 })
  }
})

const documents = fc.dictionary(fc.string(), fc.jsonValue())

test('applying a patch twice is applying it once', () => {
  const property = fc.property(documents, documents, (object, patch) => {
    const once = applyMergePatch(object, patch)
    assert.deepEqual(applyMergePatch(once, patch), once)
  })
  fc.assert(property)
})

test('an empty patch, or one that says what is there, gives the same object', () => {
  const object = { a: { b: 1 }, c: 'x' }
  assert.equal(applyMergePatch(object, {}), object)
  assert.equal(applyMergePatch(object, { a: { b: 1 }, c: 'x' }), object)
})

test('a key of the patch that is not null is in the result, a null one is not', () => {
  const property = fc.property(documents, documents, (object, patch) => {
    const result = applyMergePatch(object, patch)
    for (const [name, value] of Object.entries(patch)) {
      assert.equal(Object.hasOwn(result, name), value !== null)
    }
  })
  fc.assert(property)
})
