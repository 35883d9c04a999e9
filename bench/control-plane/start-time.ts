// SPDX-License-Identifier: Apache-2.0
//
// From the start of the process until the embedded control plane serves: new, and with stored pods.
//   node bench/control-plane/start-time.ts [PODS]
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FOLDER_VARIABLE } from '../../test/e2e/requirements.ts'
import { medianOf } from '../report.ts'
import { BenchClient } from './bench-client.ts'
import { podBody, statusPatch } from './bench-pod.ts'
import { serverCpuMs, serverMib, startEmbedded } from './bench-server.ts'
import type { Durability } from './bench-server.ts'

const starts = 5
const pods = Number(process.argv[2] ?? 10_000)
const folder = mkdtempSync(join(tmpdir(), 'start-time-'))
process.env[FOLDER_VARIABLE] = folder
try {
  await report('in memory', 'memory')
  const dataDir = join(folder, 'data')
  await fill(dataDir)
  await report(`durable, with ${pods} pods`, 'durable', dataDir)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function fill(dataDir: string): Promise<void> {
  await using server = await startEmbedded('durable', { dataDir })
  await using client = new BenchClient(server.access)
  const path = '/api/v1/namespaces/default'
  const account = JSON.stringify({ metadata: { name: 'default' } })
  await client.send('POST', `${path}/serviceaccounts`, account)
  await client.forEach(pods, async (index) => {
    await client.send('POST', `${path}/pods`, podBody(`pod-${index}`))
    await client.send('PATCH', `${path}/pods/pod-${index}/status`, statusPatch(index, 1))
  })
}

async function report(what: string, durability: Durability, dataDir?: string): Promise<void> {
  const times: number[] = []
  let mib = 0
  let cpuMs = 0
  for (let start = 0; start < starts; start += 1) {
    const startMs = performance.now()
    await using server = await startEmbedded(durability, {
      ...(dataDir !== undefined && { dataDir }),
    })
    times.push(performance.now() - startMs)
    cpuMs = serverCpuMs(server)
    mib = serverMib(server)
  }
  const rounded = times.map((ms) => ms.toFixed(0)).join(', ')
  console.log(
    `${what}: ${medianOf(times).toFixed(0)} ms (${rounded}), CPU ${cpuMs} ms, ${mib.toFixed(0)} MiB`,
  )
}
