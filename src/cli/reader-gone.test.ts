// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isReaderGone, onReaderGone } from './reader-gone.ts'

const failure = (code: string): NodeJS.ErrnoException => Object.assign(new Error(code), { code })

test('a closed pipe and a closed terminal are readers that have left; a full disk is not', () => {
  assert.deepEqual(
    ['EPIPE', 'EIO', 'ENOSPC'].map((code) => isReaderGone(failure(code))),
    [true, true, false],
  )
})

test('tells of a terminal that was closed instead of ending the process', () => {
  let told = 0
  using _listening = onReaderGone(() => {
    told += 1
  })
  process.stdout.emit('error', failure('EIO'))
  assert.equal(told, 1)
})
