// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { durationText, textTable, wholeSecondsText } from './text-table.ts'

test('columns are as wide as their widest cell, and nothing trails', () => {
  const rows = [
    ['A', 'LONG', 'C'],
    ['aaa', 'b', ''],
  ]
  assert.deepEqual(textTable(rows), ['A     LONG   C', 'aaa   b'])
})

test('durations get coarser as they grow', () => {
  const texts = [850, 3270, 45_900, 130_000, 11_100_000, undefined].map(durationText)
  assert.deepEqual(texts, ['850ms', '3.2s', '45s', '2m10s', '3h05m', '-'])
})

test('between whole seconds nothing finer is claimed', () => {
  const texts = [0, 1000, 9000, 10_000, 61_000, undefined].map(wholeSecondsText)
  assert.deepEqual(texts, ['<1s', '1s', '9s', '10s', '1m01s', '-'])
})
