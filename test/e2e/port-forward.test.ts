// SPDX-License-Identifier: Apache-2.0
//
// kubectl port-forward, over both of the protocols that kubectl speaks.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { Pods } from './pods.ts'
import { startProcessNode } from './process-node.ts'
import { kubectlSkipReason } from './find-kubectl.ts'
import { skipReason } from './requirements.ts'
import { ECHO_SERVER, echoPort, forwardedPort } from './stream-pods.ts'
import { useCluster } from './use-cluster.ts'

const VARIABLE = 'KUBECTL_PORT_FORWARD_WEBSOCKETS'
const MEGABYTES = 100

describe('kubectl port-forward', { skip: skipReason || kubectlSkipReason }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)
  let port = 0

  before(async () => {
    await startProcessNode(cluster())
    await pods.create(
      { name: 'net', spec: { containers: [ECHO_SERVER] } },
      { name: 'other', spec: { containers: [ECHO_SERVER] } },
    )
    port = await echoPort(pods, 'net')
  })
  after(() => {
    delete process.env[VARIABLE]
  })

  for (const [protocol, value] of [
    ['WebSocket', 'true'],
    ['SPDY', 'false'],
  ] as const) {
    describe(`over ${protocol}`, () => {
      before(() => {
        process.env[VARIABLE] = value
      })

      test(`carries ${MEGABYTES} MB there and back, and other connections meanwhile`, async () => {
        const kubectl = cluster().spawnKubectl(['port-forward', 'net', `:${port}`])
        const local = await forwardedPort(kubectl.stdout)
        const [large, ...small] = await Promise.all([
          exchange(local, MEGABYTES),
          ...Array.from({ length: 5 }, async () => await exchange(local, 1)),
        ])
        for (const { received, sent } of [large, ...small]) assert.equal(received, sent)
        kubectl.kill('SIGKILL')
      })

      test('reaches no port of another pod or of the host', async () => {
        const server = createServer((socket) => socket.end('host')).listen(0, '127.0.0.1')
        await once(server, 'listening')
        const host = (server.address() as AddressInfo).port
        for (const foreign of [await echoPort(pods, 'other'), host]) {
          const kubectl = cluster().spawnKubectl(['port-forward', 'net', `:${foreign}`])
          const said = text(kubectl.stderr)
          const socket = connect({ host: '127.0.0.1', port: await forwardedPort(kubectl.stdout) })
          socket.on('error', () => {})
          socket.resume()
          socket.write('x')
          await once(kubectl, 'exit')
          assert.match(await said, /connection refused: no process of the pod listens there/)
        }
        server.close()
      })
    })
  }
})

/** Sends so much through the port; hashes of what was sent and what came back. */
async function exchange(
  port: number,
  megabytes: number,
): Promise<{ readonly sent: string; readonly received: string }> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
  const [sent, received] = [createHash('sha256'), createHash('sha256')]
  const reading = (async () => {
    for await (const piece of socket as AsyncIterable<Buffer>) received.update(piece)
  })()
  for (let i = 0; i < megabytes; i += 1) {
    const piece = randomBytes(1_000_000)
    sent.update(piece)
    if (!socket.write(piece)) await once(socket, 'drain')
  }
  socket.end()
  await reading
  return { sent: sent.digest('hex'), received: received.digest('hex') }
}
