// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  countCommon,
  countIndexes,
  firstMissing,
  formatIndexRanges,
  hasIndex,
  mergeRanges,
  parseIndexRanges,
  withIndexes,
} from './index-ranges.ts'

const completions = 40
const indexSet = fc.uniqueArray(fc.nat(completions - 1)).map((all) => new Set(all))

const allIndexes = [...Array(completions).keys()]

test('writes neighbours with a comma and more of them with a dash', () => {
  assert.equal(formatIndexRanges(withIndexes([], [1, 3, 4, 5, 7, 8])), '1,3-5,7,8')
})

test('reads what it wrote', () => {
  fc.assert(
    fc.property(indexSet, (indexes) => {
      const ranges = withIndexes([], indexes)
      assert.deepEqual(parseIndexRanges(formatIndexRanges(ranges), completions), ranges)
    }),
  )
})

test('leaves out what is no index of the Job', () => {
  assert.deepEqual(parseIndexRanges('0,x,2-9,12', 5), [
    { first: 0, last: 0 },
    { first: 2, last: 4 },
  ])
  assert.deepEqual(parseIndexRanges(undefined, 5), [])
})

test('behaves like a set of numbers', () => {
  fc.assert(
    fc.property(indexSet, indexSet, fc.nat(completions), (a, b, count) => {
      const [x, y] = [withIndexes([], a), withIndexes([], b)]
      const both = withIndexes([], new Set([...a, ...b]))
      assert.deepEqual(mergeRanges(x, y), both)
      assert.deepEqual(withIndexes(x, b), both)
      assert.equal(countIndexes(x), a.size)
      assert.equal(countCommon(x, y), [...a].filter((index) => b.has(index)).length)
      assert.deepEqual(
        allIndexes.filter((index) => hasIndex(x, index)),
        allIndexes.filter((index) => a.has(index)),
      )
      assert.deepEqual(
        firstMissing(x, { count, completions }),
        allIndexes.filter((index) => !a.has(index)).slice(0, count),
      )
    }),
  )
})
