// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { firstFailure, inTurns, perTurn } from './in-turns.ts'

test('acts on every item, in order, and keeps what failed', async () => {
  const items = [...Array(3 * perTurn + 1).keys()]
  const seen: number[] = []
  const results = await inTurns(items, async (item) => {
    seen.push(item)
    if (item === 100) throw new Error('no')
    return item * 2
  })
  assert.deepEqual(seen, items)
  assert.deepEqual(results[99], { status: 'fulfilled', value: 198 })
  assert.match(String(firstFailure(results)?.error), /no/)
  assert.equal(firstFailure(results.slice(101)), undefined)
})

test('lets others run in between', async () => {
  let acted = 0
  let actedAtTurn = 0
  setImmediate(() => (actedAtTurn = acted))
  await inTurns([...Array(10 * perTurn).keys()], async () => void (acted += 1))
  assert.equal(acted, 10 * perTurn)
  assert.ok(actedAtTurn <= 2 * perTurn, `${actedAtTurn} before the first turn`)
})
