// SPDX-License-Identifier: Apache-2.0
// The rest of an exchange is tested with the probes that make it.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'

const batch = 300
const maxKeptBytes = 4096

/** A heap of its own, in which nothing else happens: answers how much of it is used after each batch. */
const client = `
const { parentPort, workerData } = require('node:worker_threads')
const { setImmediate: nextTurn } = require('node:timers/promises')
async function measure({ port, modules, batch }) {
  const [{ exchange }, { collectGarbage }] = await Promise.all(modules.map((url) => import(url)))
  const request = { scheme: 'http', host: '127.0.0.1', port, path: '/', headers: {} }
  const heaps = []
  for (let count = 0; count < 6; count += 1) {
    for (let done = 0; done < batch; done += 1) {
      const { signal } = new AbortController()
      const { body } = await exchange(request, { signal, maxBodyBytes: 1024 })
      if (body !== 'ok') throw new Error(body)
    }
    await nextTurn()
    collectGarbage('minor')
    collectGarbage('minor')
    heaps.push(process.memoryUsage().heapUsed)
  }
  parentPort.postMessage(heaps)
}
void measure(workerData)`

test('what an exchange has used is garbage of the young generation', async () => {
  const server = createServer((_, response) => response.end('ok')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const modules = ['./http-exchange.ts', '../../util/collector.ts'].map((path) =>
    import.meta.resolve(path),
  )
  const worker = new Worker(client, { eval: true, workerData: { port, modules, batch } })
  const [heaps] = (await once(worker, 'message')) as [readonly number[]]
  server.close()
  const growths = heaps.slice(1).map((bytes, index) => (bytes - (heaps[index] ?? 0)) / batch)
  // The whole heap may be collected meanwhile, and what is compiled takes room, too.
  const [, , median = 0] = growths.toSorted((one, other) => one - other)
  assert.ok(median < maxKeptBytes, `${median.toFixed(0)} bytes of each are kept: ${growths.join()}`)
})
