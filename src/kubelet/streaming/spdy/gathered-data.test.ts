// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import * as fc from 'fast-check'
import { GatheredData } from './gathered-data.ts'

type Delivered = readonly [number, Buffer]

function start(): { readonly gathered: GatheredData<number>; readonly delivered: Delivered[] } {
  const delivered: Delivered[] = []
  const gathered = new GatheredData<number>((owner, piece) => delivered.push([owner, piece]))
  return { gathered, delivered }
}

const size = fc.oneof(fc.nat(20), fc.nat(20_000), fc.constantFrom(8191, 8192, 81_912, 150_000))

test('each owner gets its bytes in order, though the memory they came in is used again', async () => {
  const steps = fc.array(fc.tuple(fc.nat(1), fc.nat(2), size, fc.nat(255), fc.boolean()), {
    maxLength: 20,
  })
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      // Two connections, as they share what they fill.
      const both = [start(), start()]
      const sent = both.map(() => [0, 1, 2].map((): Buffer[] => []))
      for (const [i, owner, length, fill, hasTurn] of all) {
        const bytes = Buffer.alloc(length, fill)
        sent[i]?.[owner]?.push(Buffer.from(bytes))
        both[i]?.gathered.add(owner, bytes)
        bytes.fill(fill + 1)
        if (hasTurn) await setImmediate()
      }
      for (const [i, { gathered, delivered }] of both.entries()) {
        gathered.flush()
        for (const owner of [0, 1, 2]) {
          const got = delivered.filter(([to]) => to === owner).map(([, piece]) => piece)
          assert.ok(Buffer.concat(got).equals(Buffer.concat(sent[i]?.[owner] ?? [])))
        }
      }
    }),
    { numRuns: 100 },
  )
})

test('what comes in one turn is one piece, and waits no longer', async () => {
  const { gathered, delivered } = start()
  for (let i = 0; i < 60; i += 1) gathered.add(1, Buffer.alloc(16_384, 'b'))
  await setImmediate()
  assert.equal(
    delivered.reduce((sum, [, piece]) => sum + piece.length, 0),
    60 * 16_384,
  )
  assert.ok(delivered.length <= 17, `${delivered.length} pieces`)
})

test('a few bytes are delivered at once, and keep nothing but themselves', () => {
  const { gathered, delivered } = start()
  gathered.add(1, Buffer.from('key'))
  const [[owner, piece] = []] = delivered
  assert.equal(owner, 1)
  assert.equal(piece?.toString(), 'key')
  assert.equal(piece?.buffer.byteLength, 3)
})

test('nothing is no piece', async () => {
  const { gathered, delivered } = start()
  gathered.add(1, Buffer.alloc(0))
  await setImmediate()
  assert.deepEqual(delivered, [])
})

test('what may be kept is not copied, unless it would keep far more', () => {
  const { gathered, delivered } = start()
  gathered.add(1, Buffer.alloc(9000, 'a'))
  const whole = Buffer.alloc(20_000, 'b')
  gathered.add(1, whole, { mayKeep: true })
  gathered.add(1, Buffer.alloc(20_001, 'c').subarray(10_001), { mayKeep: true })
  gathered.flush()
  const all = Buffer.concat(delivered.map(([, piece]) => piece))
  assert.equal(all.toString('latin1').replaceAll(/(.)\1*/g, '$1'), 'abc')
  const memory = delivered.filter(([, piece]) => piece.buffer === whole.buffer)
  assert.deepEqual(
    memory.map(([, { length }]) => length),
    [20_000],
  )
  assert.ok(delivered.every(([, piece]) => piece.buffer.byteLength <= 80 * 1024))
})
