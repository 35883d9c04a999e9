// SPDX-License-Identifier: Apache-2.0
// Port-forward over each of its three protocols, to real sockets.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { Duplex, PassThrough } from 'node:stream'
import { test } from 'node:test'
import { startKubelet } from '../../../../test/support/kubelet-fixture.ts'
import type { KubeletFixture } from '../../../../test/support/kubelet-fixture.ts'
import { podWith, stubNode } from '../../../../test/support/kubelet-stubs.ts'
import { SpdyClient } from '../../../../test/support/spdy-client.ts'
import type { ClientStream } from '../../../../test/support/spdy-client.ts'
import {
  WebSocketClient,
  openSpdy,
  openWebSocket,
  upgradeToSpdy,
} from '../../../../test/support/stream-client.ts'
import type { StreamLimits } from '../stream-options.ts'

const path = '/portForward/default/web'
const tunnelProtocol = 'SPDY/3.1+portforward.k8s.io'

interface World extends AsyncDisposable {
  readonly kubelet: KubeletFixture
  /** Where the pod listens. */
  readonly port: number
  readonly sockets: Socket[]
}

/** A pod that answers what it is sent, and at its end `bye`. */
async function start(streamLimits: Partial<StreamLimits> = {}): Promise<World> {
  const sockets: Socket[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.on('data', (bytes) => socket.write(bytes))
    socket.once('end', () => socket.end('bye'))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const pods = [podWith('web', [{}]), { ...podWith('ended', []), status: { phase: 'Failed' } }]
  const node = stubNode(pods, {
    async portForward(_ref, wanted, { signal }) {
      if (wanted !== port) throw new Error('connection refused')
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, signal })
      await once(socket, 'connect')
      return socket
    },
  })
  const kubelet = await startKubelet({ node, server: { streamLimits } })
  return {
    kubelet,
    port,
    sockets,
    async [Symbol.asyncDispose]() {
      await kubelet[Symbol.asyncDispose]()
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

interface Forwarded {
  readonly data: ClientStream
  readonly error: ClientStream
}

async function forward(
  client: SpdyClient,
  port: number | string,
  requestid?: string,
): Promise<Forwarded> {
  const common = { port: String(port), ...(requestid !== undefined && { requestid }) }
  const error = await client.open({ streamtype: 'error', ...common })
  client.data(error.id, '', true)
  const data = await client.open({ streamtype: 'data', ...common })
  return { data, error }
}

async function spdy({ kubelet }: World): Promise<SpdyClient> {
  return await openSpdy({ port: kubelet.port, path, protocols: ['portforward.k8s.io'] })
}

/** A client that speaks SPDY inside of a WebSocket, in messages of a few bytes. */
async function tunnel({ kubelet }: World): Promise<SpdyClient> {
  const websocket = await openWebSocket({ port: kubelet.port, path, protocols: [tunnelProtocol] })
  assert.ok(websocket instanceof WebSocketClient)
  const { socket } = websocket
  const wire = new Duplex({
    read() {},
    write(bytes: Buffer, _encoding, done) {
      for (let at = 0; at < bytes.length; at += 700) socket.send(bytes.subarray(at, at + 700))
      done()
    },
    destroy(error, done) {
      socket.terminate()
      done(error)
    },
  })
  socket.on('message', (bytes: Buffer) => wire.push(bytes))
  socket.on('close', () => wire.destroy())
  return new SpdyClient(wire)
}

for (const [name, open] of [
  ['SPDY', spdy],
  ['a tunnel', tunnel],
] as const) {
  test(`${name}: several connections at a time, each with its own bytes and halves`, async () => {
    await using world = await start()
    const client = await open(world)
    const all = await Promise.all(
      ['0', '1', '2'].map(async (id) => await forward(client, world.port, id)),
    )
    for (const [i, { data }] of all.entries()) client.data(data.id, `hello ${i}`)
    await client.until(() => all.every(({ data }) => client.text(data).length === 7))
    for (const { data } of all) client.data(data.id, '', true)
    await client.until(() => all.every(({ data, error }) => data.hasEnded && error.hasEnded))
    assert.deepEqual(
      all.map(({ data, error }) => [client.text(data), client.text(error)]),
      [0, 1, 2].map((i) => [`hello ${i}bye`, '']),
    )
    client.destroy()
  })

  test(`${name}: a port where nobody listens is told on the error stream`, async () => {
    await using world = await start()
    const client = await open(world)
    const { data, error } = await forward(client, 1, 'a')
    await client.until(() => error.hasEnded && data.hasEnded)
    const text = 'error forwarding port 1 to pod web, uid uid-web: connection refused'
    assert.equal(client.text(error), text)
    assert.equal(data.resetStatus, 5)
    const next = await forward(client, world.port, 'b')
    client.data(next.data.id, 'on')
    await client.until(() => client.text(next.data) === 'on')
    client.destroy()
  })

  test(`${name}: 10 MiB come back whole`, async () => {
    await using world = await start()
    const client = await open(world)
    const { data } = await forward(client, world.port)
    const piece = Buffer.alloc(256 * 1024, 'x')
    for (let i = 0; i < 40; i += 1) client.data(data.id, piece)
    client.data(data.id, '', true)
    await client.until(() => data.hasEnded)
    assert.equal(client.text(data).length, 40 * piece.length + 3)
    client.destroy()
  })
}

test('a client that resets a connection ends the one to the pod, and no other', async () => {
  await using world = await start()
  const client = await spdy(world)
  const first: Forwarded = await forward(client, world.port, 'a')
  const second: Forwarded = await forward(client, world.port, 'b')
  for (const { data } of [first, second]) client.data(data.id, 'x')
  await client.until(() => [first, second].every(({ data }) => client.text(data) === 'x'))
  const closed = once(world.sockets[0] as Socket, 'close')
  client.reset(first.data.id)
  await closed
  client.data(second.data.id, 'y')
  await client.until(() => client.text(second.data) === 'xy')
  client.destroy()
})

test('a client that resets a connection while it is made gives it up', async () => {
  const asked = Promise.withResolvers<AbortSignal>()
  const made = Promise.withResolvers<Duplex>()
  const node = stubNode([podWith('web', [{}])], {
    async portForward(_ref, _port, { signal }) {
      asked.resolve(signal)
      return await made.promise
    },
  })
  await using kubelet = await startKubelet({ node })
  const client = await openSpdy({ port: kubelet.port, path, protocols: ['portforward.k8s.io'] })
  const { data } = await forward(client, 80)
  const signal = await asked.promise
  const aborted = once(signal, 'abort')
  client.reset(data.id)
  await aborted
  // A backend that makes it all the same.
  const connection = new PassThrough()
  const closed = once(connection, 'close')
  made.resolve(connection)
  await closed
  client.destroy()
})

test('a pod that breaks a connection off resets the stream', async () => {
  await using world = await start()
  const client = await spdy(world)
  const { data, error } = await forward(client, world.port)
  client.data(data.id, 'x')
  await client.until(() => client.text(data) === 'x')
  world.sockets[0]?.resetAndDestroy()
  await client.until(() => data.hasEnded && error.hasEnded)
  client.destroy()
})

test('a client that vanishes ends all its connections', async () => {
  await using world = await start()
  const client = await spdy(world)
  for (const id of ['a', 'b']) {
    const { data } = await forward(client, world.port, id)
    client.data(data.id, 'x')
    await client.until(() => client.text(data) === 'x')
  }
  const closed = Promise.all(world.sockets.map((socket) => once(socket, 'close')))
  client.destroy()
  await closed
})

test('streams without a port, with a wrong one or of another type are reset', async () => {
  await using world = await start()
  const client = await spdy(world)
  for (const headers of [
    { streamtype: 'data' },
    { streamtype: 'data', port: '0' },
    { streamtype: 'data', port: '65536' },
    { streamtype: 'error', port: '-1' },
    { streamtype: 'stdin', port: '80' },
  ]) {
    const stream = await client.open(headers)
    await client.until(() => stream.resetStatus === 1)
  }
  client.destroy()
})

test('half a pair is told that the other half did not come', async () => {
  await using world = await start({ creationTimeoutMs: 30 })
  const client = await spdy(world)
  const error = await client.open({ streamtype: 'error', port: '80', requestid: 'r' })
  await client.until(() => error.hasEnded)
  assert.match(client.text(error), /request r timed out waiting for streams/)
  client.destroy()
})

test('what cannot be served is refused in the words of a kubelet', async () => {
  await using world = await start()
  const cases = [
    ['/portForward/default/nope', 404, /^pod does not exist$/],
    ['/portForward/default/web/uid-else', 404, /^pod not found$/],
    ['/portForward/default/ended', 500, /^pod not found \("ended_default"\)$/],
  ] as const
  for (const [at, status, body] of cases) {
    const protocols = ['portforward.k8s.io']
    const result = await upgradeToSpdy({ port: world.kubelet.port, path: at, protocols })
    assert.ok('status' in result)
    assert.equal(result.status, status)
    assert.match(result.body, body)
  }
  const other = await upgradeToSpdy({ port: world.kubelet.port, path, protocols: ['x'] })
  assert.ok('status' in other)
  assert.equal(other.status, 403)
  assert.deepEqual(other.headers['x-accepted-stream-protocol-versions'], 'portforward.k8s.io')
})

test('older WebSocket clients have two channels a port, which begin by naming it', async () => {
  await using world = await start()
  const client = await openWebSocket({
    port: world.kubelet.port,
    path: `${path}?port=${world.port},1`,
    protocols: ['v4.channel.k8s.io'],
  })
  assert.ok(client instanceof WebSocketClient)
  client.send(0, 'hello')
  const name = Buffer.alloc(2)
  name.writeUInt16LE(world.port)
  const failed = '\u0001\0error forwarding port 1 to pod web, uid uid-web: connection refused'
  await client.until(() => client.channel(0).endsWith('hello') && client.channel(3) === failed)
  for (const channel of [0, 1]) {
    const naming: Buffer | undefined = client.messages.find((message) => message[0] === channel)
    assert.deepEqual(naming?.subarray(1), name)
  }
  assert.equal(client.channel(2), '\u0001\0')
  world.sockets[0]?.end()
  assert.equal(await client.untilClosed(), 1000)
})

test('older WebSocket clients must name their ports', async () => {
  await using world = await start()
  const cases = [
    ['', 'query parameter "port" is required'],
    ['?port=0', 'port "0" is not valid'],
    ['?port=80,x', 'port "x" is not valid'],
  ] as const
  for (const [query, body] of cases) {
    const refused = await openWebSocket({ port: world.kubelet.port, path: `${path}${query}` })
    assert.ok('status' in refused)
    assert.deepEqual([refused.status, refused.body], [400, body])
  }
})
