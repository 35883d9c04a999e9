// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'

/** A heap of its own, in which nothing else happens: its size before a burst, after it, and once collected. */
const measuring = `
const { parentPort, workerData } = require('node:worker_threads')
const { setImmediate: nextTurn } = require('node:timers/promises')
async function measure(module) {
  const { collectGarbage } = await import(module)
  const sizes = []
  const note = () => void sizes.push(process.memoryUsage().heapTotal)
  collectGarbage('major')
  note()
  // What is kept for a while outlives the young generation.
  for (let round = 0; round < 6; round += 1) {
    const kept = Array.from({ length: 100_000 }, (_, index) => ({ index, name: [index] }))
    await nextTurn()
    if (kept.length === 0) throw new Error('lost')
  }
  note()
  collectGarbage('major')
  note()
  parentPort.postMessage(sizes)
}
void measure(workerData)`

test('a collected heap is as small as what lives', async () => {
  const workerData = import.meta.resolve('./collector.ts')
  const worker = new Worker(measuring, { eval: true, workerData })
  const [sizes] = (await once(worker, 'message')) as [readonly number[]]
  const [emptyBytes = 0, fullBytes = 0, collectedBytes = 0] = sizes
  assert.ok(fullBytes - emptyBytes > 16 * 1024 * 1024, `the burst was too small: ${sizes.join()}`)
  assert.ok(collectedBytes - emptyBytes < (fullBytes - emptyBytes) / 3, sizes.join())
})
