// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { startEmbeddedCluster } from '../../../../test/support/embedded-cluster.ts'
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
