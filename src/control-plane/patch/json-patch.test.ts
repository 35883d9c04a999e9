// SPDX-License-Identifier: Apache-2.0
// JSON patch by the rules of RFC 6902, and by what the API server's library does beyond it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { StatusError } from '../objects/api-status.ts'
import { applyJsonPatch } from './json-patch.ts'

const object = { a: { b: [1, 2, 3] }, c: 'x', 'd/e': 1, 'f~g': 2 }

const results: readonly [name: string, patch: readonly object[], expected: unknown][] = [
  ['adds a key', [{ op: 'add', path: '/a/n', value: 1 }], { ...object, a: { b: [1, 2, 3], n: 1 } }],
  [
    'inserts into a list',
    [{ op: 'add', path: '/a/b/1', value: 9 }],
    { ...object, a: { b: [1, 9, 2, 3] } },
  ],
  [
    'appends by -',
    [{ op: 'add', path: '/a/b/-', value: 9 }],
    { ...object, a: { b: [1, 2, 3, 9] } },
  ],
  [
    'counts from the end',
    [{ op: 'replace', path: '/a/b/-1', value: 9 }],
    { ...object, a: { b: [1, 2, 9] } },
  ],
  ['removes', [{ op: 'remove', path: '/a/b/0' }], { ...object, a: { b: [2, 3] } }],
  ['replaces what is not there', [{ op: 'replace', path: '/z', value: 1 }], { ...object, z: 1 }],
  [
    'moves',
    [{ op: 'move', from: '/c', path: '/a/c' }],
    { a: { b: [1, 2, 3], c: 'x' }, 'd/e': 1, 'f~g': 2 },
  ],
  ['copies', [{ op: 'copy', from: '/a/b/0', path: '/c' }], { ...object, c: 1 }],
  [
    'reads escapes',
    [
      { op: 'test', path: '/d~1e', value: 1 },
      { op: 'test', path: '/f~0g', value: 2 },
    ],
    object,
  ],
  ['an absent key tests as null', [{ op: 'test', path: '/nothing', value: null }], object],
  ['replaces the whole', [{ op: 'replace', path: '', value: { k: 1 } }], { k: 1 }],
  [
    'treats __proto__ as a key',
    [{ op: 'add', path: '/__proto__', value: 1 }],
    JSON.parse('{"a":{"b":[1,2,3]},"c":"x","d/e":1,"f~g":2,"__proto__":1}'),
  ],
]

for (const [name, patch, expected] of results) {
  test(name, () => assert.deepEqual(applyJsonPatch(object, patch), expected))
}

const refusals: readonly [name: string, patch: unknown, code: number][] = [
  ['a patch that is no list', {}, 400],
  ['an operation that is no object', ['x'], 400],
  ['a path that is no string', [{ op: 'add', path: 1 }], 400],
  ['an unknown operation', [{ op: 'frob', path: '/a' }], 422],
  ['a missing path', [{ op: 'add', value: 1 }], 422],
  ['a failed test', [{ op: 'test', path: '/c', value: 'y' }], 422],
  ['removal of what is not there', [{ op: 'remove', path: '/nope' }], 422],
  ['a parent that is not there', [{ op: 'add', path: '/no/pe', value: 1 }], 422],
  ['an index past the end', [{ op: 'add', path: '/a/b/4', value: 1 }], 422],
  ['an index that is no number', [{ op: 'add', path: '/a/b/x', value: 1 }], 422],
  ['a scalar as a parent', [{ op: 'add', path: '/c/x', value: 1 }], 422],
  ['addition of the whole document', [{ op: 'add', path: '', value: {} }], 422],
  ['too many operations', Array.from({ length: 10_001 }, () => ({})), 413],
]

for (const [name, patch, code] of refusals) {
  test(`refuses ${name}`, () => {
    assert.throws(() => applyJsonPatch(object, patch), { name: 'StatusError', code })
  })
}

test('copies of copies end at a bound', () => {
  const doubling = Array.from({ length: 60 }, (_, index) => ({
    op: 'copy',
    from: '/a',
    path: `/a/k${index}`,
  }))
  assert.throws(() => applyJsonPatch(object, doubling), { code: 422 })
})

test('shares what it does not touch, and never changes the object', () => {
  const before = structuredClone(object)
  const after = applyJsonPatch(object, [{ op: 'add', path: '/n', value: 1 }]) as typeof object
  assert.equal(after.a, object.a)
  assert.deepEqual(object, before)
})

test('adding and removing the same key leaves the object as it was', () => {
  const property = fc.property(
    fc.dictionary(fc.string(), fc.jsonValue()),
    fc.string(),
    fc.jsonValue(),
    (document, key, value) => {
      fc.pre(!Object.hasOwn(document, key))
      const path = `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
      const patch = [
        { op: 'add', path, value },
        { op: 'test', path, value },
        { op: 'remove', path },
      ]
      assert.deepEqual(JSON.stringify(applyJsonPatch(document, patch)), JSON.stringify(document))
    },
  )
  fc.assert(property)
})

test('no patch makes it throw anything but StatusError', () => {
  const operation = fc.record(
    {
      op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test', 'x'),
      path: fc.constantFrom('', '/a', '/a/b', '/a/b/0', '/a/b/-', '/a/b/-9', '/c/d', 'x'),
      from: fc.constantFrom('', '/a', '/a/b/0', '/c', '/z'),
      value: fc.jsonValue(),
    },
    { requiredKeys: [] },
  )
  const patches = fc.oneof(fc.array(operation), fc.jsonValue())
  const property = fc.property(patches, (patch) => {
    try {
      applyJsonPatch(object, patch)
    } catch (error) {
      assert.ok(error instanceof StatusError, String(error))
    }
  })
  fc.assert(property, { numRuns: 500 })
})
