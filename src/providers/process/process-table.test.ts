// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { families, readProcessTable, type TableEntry } from './process-table.ts'

const pidOf = fc.integer({ min: 1, max: 12 })
const entryOf = fc.record({
  pid: pidOf,
  parent: pidOf,
  group: pidOf,
  session: pidOf,
  isZombie: fc.constant(false),
  cpuNanoseconds: fc.constant(0),
  residentBytes: fc.constant(0),
})
const tableOf = fc.uniqueArray(entryOf, { selector: ({ pid }) => pid })

test('a family is whoever is of the session or group, or descends from the leader', () => {
  fc.assert(
    fc.property(tableOf, pidOf, (table, leader) => {
      const own = families(table)(leader)
      const expected = table.filter(
        (entry) =>
          entry.session === leader || entry.group === leader || descends(entry, { leader, table }),
      )
      assert.deepEqual(new Set(own), new Set(expected))
      assert.equal(own.length, expected.length)
    }),
  )
})

test('a table that is asked for while another is read is as of later, and read once for all who ask', async () => {
  // All in one turn: nothing of it can be over before the next is asked.
  const before = readProcessTable()
  const child = spawn('sleep', ['60'], { stdio: 'ignore' })
  const [first, second] = [readProcessTable(), readProcessTable()]
  await before
  const table = await first
  assert.equal(await second, table)
  assert.ok(table.some(({ pid }) => pid === child.pid))
  assert.ok(table.some(({ pid }) => pid === process.pid))
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.equal(
    (await readProcessTable()).some(({ pid }) => pid === child.pid),
    false,
  )
})

function descends(
  { pid, parent }: TableEntry,
  of: { readonly leader: number; readonly table: readonly TableEntry[] },
): boolean {
  const { leader, table } = of
  if (pid === leader) return true
  let next = parent
  for (let steps = 0; steps < 20; steps++) {
    if (next === leader) return true
    next = table.find((one) => one.pid === next)?.parent ?? 0
  }
  return false
}
