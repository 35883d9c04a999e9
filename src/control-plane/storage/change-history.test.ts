// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { keyOf, objectFor } from '../../../test/support/store-objects.ts'
import { ChangeHistory, type HistoryLimits } from './change-history.ts'
import { encodeObject } from './encode-object.ts'
import type { StoreChange } from './store.ts'

function changeOf(resource: string, revision: number, text = ''): StoreChange {
  const key = keyOf('a', 'default', resource)
  const current = encodeObject(objectFor(key), revision)
  const previous = encodeObject(objectFor(key, text), revision - 1)
  return { key, revision, current, previous, removed: undefined }
}

test('a chatty resource does not push out the history of a quiet one', () => {
  const history = new ChangeHistory({ changesPerResource: 10, changes: 100 })
  history.push(changeOf('pods', 2))
  for (let revision = 3; revision < 5000; revision++) history.push(changeOf('leases', revision))
  assert.equal(history.since('pods', 1)?.length, 1)
  assert.equal(history.since('leases', 4988), undefined)
  assert.equal(history.since('leases', 4989)?.length, 10)
})

test('the oldest of all goes when there are too many bytes', () => {
  const history = new ChangeHistory({ bytes: 3000 })
  history.push(changeOf('pods', 2, 'x'.repeat(1000)))
  history.push(changeOf('nodes', 3, 'x'.repeat(1000)))
  history.push(changeOf('leases', 4, 'x'.repeat(1000)))
  assert.equal(history.since('pods', 1), undefined)
  assert.deepEqual(history.since('pods', 2), [])
  assert.equal(history.since('nodes', 1)?.length, 1)
})

test('floors of an earlier life count', () => {
  const floors = new Map([
    ['pods', 10],
    ['*', 5],
  ])
  const history = new ChangeHistory({}, { floors })
  assert.equal(history.since('pods', 9), undefined)
  assert.deepEqual(history.since('pods', 10), [])
  assert.equal(history.since('nodes', 4), undefined)
  assert.deepEqual(history.since('nodes', 5), [])
})

test('what it answers is complete, what it drops it reports once, and limits hold', () => {
  const step = fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom('pods', 'nodes', 'leases') },
    { weight: 1, arbitrary: fc.nat(60) },
  )
  const limit = fc.integer({ min: 0, max: 20 })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), limit, limit, (steps, each, all) => {
      const limits: HistoryLimits = { changesPerResource: each, changes: all }
      const dropped: number[] = []
      const history = new ChangeHistory(limits, {
        onDrop: ({ revision }) => dropped.push(revision),
      })
      const pushed: StoreChange[] = []
      for (const step of steps) {
        if (typeof step === 'number') {
          history.compact(Math.min(step, pushed.length))
          continue
        }
        const change = changeOf(step, pushed.length + 1)
        pushed.push(change)
        history.push(change)
      }
      let kept = 0
      for (const resource of ['pods', 'nodes', 'leases']) {
        const floor = history.floorOf(resource)
        const expected = pushed.filter((c) => c.key.resource === resource && c.revision > floor)
        assert.deepEqual(history.since(resource, floor), expected)
        if (floor > 0) assert.equal(history.since(resource, floor - 1), undefined)
        assert.ok(expected.length <= each)
        kept += expected.length
      }
      assert.ok(kept <= all)
      assert.equal(new Set(dropped).size, dropped.length)
      assert.equal(dropped.length + kept, pushed.length)
    }),
  )
})
