// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { request as httpsRequest } from 'node:https'
import { buffer } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { startEmbeddedCluster } from '../../../../test/support/embedded-cluster.ts'
import { connectionFromKubeconfigText } from '../../../../test/support/kubeconfig-connection.ts'
import type { EmbeddedCluster } from '../../../../test/support/embedded-cluster.ts'
import { nodes, pods, serviceAccounts } from '../../../kube/resources.ts'

let cluster: EmbeddedCluster
before(async () => {
  cluster = await startEmbeddedCluster()
  const metadata = { name: 'default', namespace: 'default' }
  await cluster.client.create(serviceAccounts, { metadata })
  await cluster.client.create(nodes, { metadata: { name: 'here' }, spec: {} })
  const addresses = [{ type: 'InternalIP', address: '127.0.0.1' }]
  const body = { status: { addresses } }
  await cluster.client.patch(
    nodes,
    { name: 'here' },
    { type: 'merge', body, subresource: 'status' },
  )
})
after(async () => {
  await cluster[Symbol.asyncDispose]()
})

/** A pod on the node `here` whose status names this address; returns the path of its proxy. */
async function podAt(name: string, podIP: string, port: number): Promise<string> {
  const at = { name, namespace: 'default' }
  const spec = { nodeName: 'here', containers: [{ name: 'main', image: 'none' }] }
  await cluster.client.create(pods, { metadata: at, spec })
  const body = { status: { podIP, podIPs: [{ ip: podIP }] } }
  await cluster.client.patch(pods, at, { type: 'merge', body, subresource: 'status' })
  return `/api/v1/namespaces/default/pods/${name}:${port}/proxy/`
}

/** A server that says the same to everybody, whatever they ask. */
async function serverSaying(words: string) {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.write(words))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, [Symbol.dispose]: () => server.close() }
}

test("passes on a pod's answer", async () => {
  using server = await serverSaying('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi')
  const answer = await cluster.request(await podAt('answers', '127.0.0.1', server.port))
  assert.deepEqual([answer.status, answer.text], [200, 'hi'])
})

/** A server that sends back what it was sent, up to the end of one request. */
async function mirror() {
  const server = createServer((socket) => {
    let text = ''
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1')
      const end = /^transfer-encoding: chunked\r$/m.test(text) ? '\r\n0\r\n\r\n' : '\r\n\r\n'
      if (!text.endsWith(end)) return
      const head = 'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=9\r\nTrailer: x-sum\r\nX-Kept: yes\r\n'
      socket.end(`${head}Connection: close, X-Named\r\nX-Named: 1\r\n\r\n${text}`)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, [Symbol.dispose]: () => server.close() }
}

test('headers about a connection are passed neither to the pod nor to the client', async () => {
  using server = await mirror()
  const answer = await cluster.request(await podAt('mirror', '127.0.0.1', server.port), {
    headers: {
      connection: 'keep-alive, X-Mine, TE',
      'proxy-connection': 'keep-alive',
      te: 'trailers, gzip',
      'x-mine': '1',
      'x-other': '2',
    },
  })
  assert.match(answer.text, /^x-other: 2\r$/m)
  assert.match(answer.text, /^te: trailers\r$/m)
  assert.doesNotMatch(answer.text, /x-mine|proxy-connection/i)
  const { 'x-kept': kept, 'x-named': named, trailer } = answer.headers
  assert.deepEqual([kept, named, trailer], ['yes', undefined, undefined])
})

test('a body without a length stays a body, over both versions of HTTP', async () => {
  using server = await mirror()
  const path = await podAt('framed', '127.0.0.1', server.port)
  const hidden = 'POST /hidden HTTP/1.1\r\nhost: x\r\n\r\n'
  const { ca, cert, key } = connectionFromKubeconfigText(cluster.controlPlane.adminKubeconfig)
  const outgoing = httpsRequest(new URL(path, cluster.controlPlane.server), {
    ca,
    cert,
    key,
    headers: { 'transfer-encoding': 'chunked' },
  })
  outgoing.end(hidden)
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  const overHttp1 = (await buffer(response)).toString('latin1')
  const session = connectHttp2(cluster.controlPlane.server, { ca, cert, key })
  const stream = session.request({ ':path': path }, { endStream: false })
  stream.end(hidden)
  const overHttp2 = (await buffer(stream)).toString('latin1')
  session.close()
  for (const seen of [overHttp1, overHttp2]) {
    assert.match(seen, /^transfer-encoding: chunked\r$/m)
    assert.match(seen, /\r\n\r\n[0-9a-f]+\r\nPOST \/hidden/)
  }
})

test('gives up on a pod that changes the protocol without being asked', async () => {
  const words = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: odd\r\n\r\n'
  using server = await serverSaying(words)
  const answer = await cluster.request(await podAt('switches', '127.0.0.1', server.port))
  assert.equal(answer.status, 503)
})

test('connects to no address that leads elsewhere than to the pod', async () => {
  for (const [name, ip] of [
    ['metadata', '169.254.169.254'],
    ['loopback', '127.0.0.2'],
  ] as const) {
    const answer = await cluster.request(await podAt(name, ip, 80))
    assert.equal(answer.status, 400)
    assert.equal(answer.json()['message'], 'address not allowed')
  }
})
