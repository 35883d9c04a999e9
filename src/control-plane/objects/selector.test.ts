// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseFieldSelector, parseLabelSelector } from './selector.ts'

const cases: readonly (readonly [string, Readonly<Record<string, string>>, boolean])[] = [
  ['', {}, true],
  ['app=web,tier in (a, b),!legacy', { app: 'web', tier: 'b' }, true],
  ['app=web,tier in (a, b),!legacy', { app: 'web', tier: 'b', legacy: '' }, false],
  ['app!=web', {}, true],
  ['count>2', { count: '3' }, true],
  ['count<2', { count: 'few' }, false],
  // What every object of JavaScript has is no label.
  ['constructor', {}, false],
  ['!toString', {}, true],
  ['valueOf notin (a)', {}, true],
]
for (const [selector, labels, isMatch] of cases) {
  test(`"${selector}" is ${isMatch} of ${JSON.stringify(labels)}`, () => {
    assert.equal(parseLabelSelector(selector)?.(labels) ?? true, isMatch)
  })
}

test('a field selector is its conditions, with commas and equal signs escaped', () => {
  assert.deepEqual(parseFieldSelector(String.raw`a=x,b!=y\,z,c==\=`), [
    { field: 'a', value: 'x', isEqual: true },
    { field: 'b', value: 'y,z', isEqual: false },
    { field: 'c', value: '=', isEqual: true },
  ])
})
