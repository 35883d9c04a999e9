// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { slowStart } from './slow-start.ts'

test('calls each index once when all goes well', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(200), async (count) => {
      const seen: number[] = []
      const result = await slowStart(count, async (index) => void seen.push(index))
      assert.deepEqual(result, { succeeded: count, failure: undefined })
      assert.deepEqual(seen, [...Array(count).keys()])
    }),
  )
})

test('stops after the batch in which a call failed', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 200 }), fc.nat(199), async (count, broken) => {
      fc.pre(broken < count)
      let calls = 0
      const error = new Error('no')
      const result = await slowStart(count, async (index) => {
        calls += 1
        if (index >= broken) throw error
      })
      assert.equal(result.failure?.error, error)
      assert.equal(result.succeeded, broken)
      assert.ok(calls <= 2 * broken + 1, `${calls} calls`)
    }),
  )
})
