// SPDX-License-Identifier: Apache-2.0
// The rest of an exchange is tested with the probes that make it.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { collectGarbage } from '../../util/collector.ts'
import { exchange } from './http-exchange.ts'

/** In a heap of its own. */
const server = `
  const { parentPort } = require('node:worker_threads')
  const server = require('node:http').createServer((_, response) => response.end('ok'))
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))`
const batch = 300
const maxKeptBytes = 4096

test('what an exchange has used is garbage of the young generation', async () => {
  const worker = new Worker(server, { eval: true })
  const [port] = (await once(worker, 'message')) as [number]
  const request = { scheme: 'http', host: '127.0.0.1', port, path: '/', headers: {} }
  const heapAfterBatch = async (): Promise<number> => {
    for (let done = 0; done < batch; done += 1) {
      const { signal } = new AbortController()
      const { body } = await exchange(request, { signal, maxBodyBytes: 1024 })
      assert.equal(body, 'ok')
    }
    await nextTurn()
    collectGarbage('minor')
    collectGarbage('minor')
    return process.memoryUsage().heapUsed
  }
  const heaps = [await heapAfterBatch()]
  for (let count = 0; count < 5; count += 1) heaps.push(await heapAfterBatch())
  await worker.terminate()
  const growths = heaps.slice(1).map((bytes, index) => (bytes - (heaps[index] ?? 0)) / batch)
  // The whole heap may be collected meanwhile, and what is compiled takes room, too.
  const [, , median = 0] = growths.toSorted((one, other) => one - other)
  assert.ok(
    median < maxKeptBytes,
    `${median.toFixed(0)} bytes of each are kept (${growths.join()})`,
  )
})
