// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unifiedDiff } from './unified-diff.ts'

test('equal values have no difference', () => {
  assert.equal(unifiedDiff({ a: [1] }, { a: [1] }), '')
})

test('a changed line is shown among its neighbours', () => {
  assert.equal(
    unifiedDiff({ a: 1, b: 2 }, { a: 1, b: 3 }),
    '@@ -1,4 +1,4 @@\n {\n  "a": 1,\n- "b": 2\n+ "b": 3\n }\n',
  )
})

test('changes far from each other are shown apart', () => {
  const before = Array.from({ length: 20 }, (_, index) => index)
  const after = before.with(0, 100).with(19, 100)
  assert.equal(unifiedDiff(before, after).match(/^@@/gmu)?.length, 2)
})

test('a value that was not there is compared as null', () => {
  assert.equal(unifiedDiff(undefined, 1), '@@ -1 +1 @@\n-null\n+1\n')
})
