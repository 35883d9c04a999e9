// SPDX-License-Identifier: Apache-2.0
//
// PATCHes per second of our Kubernetes client beside undici alone, against a server that answers each
// with the same pod: what the client itself costs. The server is a process of its own.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:https'
import { createInterface } from 'node:readline'
import { Pool } from 'undici'
import { createKubeClient } from '../src/kube/http-kube-client.ts'
import { fixedCredentials } from '../src/kube/credentials.ts'
import { pods } from '../src/kube/resources.ts'
import { silentLogger } from '../src/util/logger.ts'
import { createAuthority } from '../test/e2e/certificates.ts'
import type { KeyPair } from '../test/e2e/certificates.ts'
import { medianOf } from './report.ts'

const REQUESTS = 10_000
const PARALLEL = 50
const ROUNDS = 3
const STATUS = { phase: 'Running', message: 'x'.repeat(500) }
/** About what the API server answers for an ordinary pod. */
const ANSWER = JSON.stringify({
  metadata: { name: 'pod', resourceVersion: '1' },
  spec: 'x'.repeat(2500),
})

async function main(): Promise<void> {
  const authority = await createAuthority('bench')
  const pair = await authority.issue({ commonName: 'server', ipAddresses: ['127.0.0.1'] })
  const server = spawn(process.execPath, [import.meta.filename, 'serve'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  server.stdin.write(`${JSON.stringify(pair)}\n`)
  const [port] = (await once(createInterface({ input: server.stdout }), 'line')) as [string]
  const url = `https://127.0.0.1:${port}`
  const rates = { ours: [] as number[], undici: [] as number[] }
  for (let round = 0; round < ROUNDS; round++) {
    rates.undici.push(await bareUndici(url, authority.certificate))
    rates.ours.push(await ourClient(url, authority.certificate))
  }
  server.kill()
  const [ours, undici] = [medianOf(rates.ours), medianOf(rates.undici)]
  console.log(
    `undici alone ${undici.toFixed(0)} PATCH/s, our client ${ours.toFixed(0)} (${(ours / undici).toFixed(2)})`,
  )
}

async function ourClient(server: string, caPem: string): Promise<number> {
  await using client = createKubeClient(
    {
      server,
      namespace: 'default',
      source: 'the benchmark',
      tls: { caPem, isInsecure: false },
      headers: [],
      credentials: fixedCredentials({}),
    },
    { userAgent: 'bench', log: silentLogger },
  )
  return await perSecond(async () => {
    await client.patch(
      pods,
      { namespace: 'default', name: 'pod' },
      {
        type: 'strategic',
        subresource: 'status',
        body: { metadata: { uid: 'u' }, status: STATUS },
      },
    )
  })
}

async function bareUndici(server: string, ca: string): Promise<number> {
  const pool = new Pool(server, { connections: PARALLEL, connect: { ca } })
  const headers = { 'content-type': 'application/strategic-merge-patch+json' }
  const rate = await perSecond(async () => {
    const { body } = await pool.request({
      path: '/api/v1/namespaces/default/pods/pod/status',
      method: 'PATCH',
      headers,
      body: JSON.stringify({ metadata: { uid: 'u' }, status: STATUS }),
    })
    await body.json()
  })
  await pool.destroy()
  return rate
}

async function perSecond(send: () => Promise<void>): Promise<number> {
  let left = REQUESTS
  const worker = async () => {
    while (left-- > 0) await send()
  }
  const start = performance.now()
  await Promise.all(Array.from(Array(PARALLEL), worker))
  return (REQUESTS * 1000) / (performance.now() - start)
}

async function serve(): Promise<void> {
  const [line] = (await once(createInterface({ input: process.stdin }), 'line')) as [string]
  const { certificate: cert, key } = JSON.parse(line) as KeyPair
  // Whoever started us has ended.
  process.stdin.on('close', () => process.exit())
  const server = createServer({ cert, key }, (request, response) => {
    request.resume().on('end', () => {
      response.setHeader('content-type', 'application/json').end(ANSWER)
    })
  })
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    console.log(typeof address === 'object' ? address?.port : '')
  })
}

await (process.argv[2] === 'serve' ? serve() : main())
