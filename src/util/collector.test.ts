// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { test } from 'node:test'
import { collectGarbage } from './collector.ts'

test('a collected heap is as small as what lives', async () => {
  collectGarbage('major')
  const emptyBytes = process.memoryUsage().heapTotal
  await burst()
  const fullBytes = process.memoryUsage().heapTotal
  collectGarbage('major')
  const { heapTotal } = process.memoryUsage()
  assert.ok(fullBytes - emptyBytes > 16 * 1024 * 1024, 'the burst was too small')
  assert.ok(
    heapTotal - emptyBytes < (fullBytes - emptyBytes) / 3,
    `${heapTotal} of ${fullBytes} bytes`,
  )
})

/** What it keeps for a while outlives the young generation. */
async function burst(): Promise<void> {
  for (let round = 0; round < 12; round += 1) {
    const kept = Array.from({ length: 100_000 }, (_, index) => ({ index, name: [index] }))
    await nextTurn()
    assert.equal(kept.length, 100_000)
  }
}
