// SPDX-License-Identifier: Apache-2.0
// Exec over WebSocket, as browsers, libraries and kubectl speak it.
import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { FakeProcess } from '../../../../test/support/fake-process.ts'
import { startKubelet } from '../../../../test/support/kubelet-fixture.ts'
import { podWith, stubNode } from '../../../../test/support/kubelet-stubs.ts'
import { WebSocketClient, openWebSocket } from '../../../../test/support/stream-client.ts'
import { chooseSubprotocol } from './accept-websocket.ts'
import { websocketCommandProtocols } from './websocket-command.ts'

interface World extends AsyncDisposable {
  readonly processes: FakeProcess[]
  open(query: string, protocols?: readonly string[]): Promise<WebSocketClient>
  /** Status of a refusal. */
  refusal(query: string, protocols: readonly string[]): Promise<number>
}

async function start(run?: (process: FakeProcess) => void): Promise<World> {
  const processes: FakeProcess[] = []
  const pod = podWith('web', [{ state: { running: { startedAt: '2026-01-01T00:00:00Z' } } }])
  const node = stubNode([pod], {
    async exec(_ref, _container, choice, { signal }) {
      const process = new FakeProcess(choice, signal)
      processes.push(process)
      run?.(process)
      return process
    },
  })
  const kubelet = await startKubelet({ node })
  const connect = (query: string, protocols?: readonly string[]) =>
    openWebSocket({
      port: kubelet.port,
      path: `/exec/default/web/c0?${query}`,
      ...(protocols && { protocols }),
    })
  return {
    processes,
    async open(query, protocols) {
      const client = await connect(query, protocols)
      assert.ok(client instanceof WebSocketClient)
      return client
    },
    async refusal(query, protocols) {
      const client = await connect(query, protocols)
      assert.ok('status' in client)
      return client.status
    },
    [Symbol.asyncDispose]: () => kubelet[Symbol.asyncDispose](),
  }
}

const echo = (process: FakeProcess): void => {
  void process.input().then((input) => {
    process.stdout?.write(`out ${input}`)
    process.stderr?.write('err')
    return process.end(3)
  })
}

test('version 5 ends the input by a close signal, and the connection normally', async () => {
  await using world = await start(echo)
  const query = 'command=x&input=1&output=1&error=1'
  const client = await world.open(query, ['v5.channel.k8s.io', 'v4.channel.k8s.io'])
  assert.equal(client.protocol, 'v5.channel.k8s.io')
  client.send(0, 'some ')
  client.send(0, 'input')
  client.socket.send(Buffer.from([255, 0]))
  assert.equal(await client.untilClosed(), 1000)
  assert.deepEqual([...(client.messages[0] ?? [])], [1])
  assert.equal(client.channel(1), 'out some input')
  assert.equal(client.channel(2), 'err')
  assert.match(client.channel(3), /"reason":"ExitCode","message":"3"/)
  assert.deepEqual(client.isText.filter(Boolean), [])
})

test('a close signal that makes no sense ends the connection', async () => {
  await using world = await start()
  for (const signal of [[255], [255, 9], [255, 0, 0]]) {
    const client = await world.open('command=x&input=1', ['v5.channel.k8s.io'])
    client.socket.send(Buffer.from(signal))
    assert.equal(await client.untilClosed(), 1002)
  }
})

test('version 4 tells the outcome as a Status, older ones and none as a text', async () => {
  await using world = await start((process) => process.end(3))
  for (const protocol of ['v4.channel.k8s.io', 'channel.k8s.io', undefined]) {
    const client = await world.open('command=x&output=1', protocol ? [protocol] : undefined)
    assert.equal(client.protocol, protocol ?? '')
    assert.equal(await client.untilClosed(), 1000)
    const outcome = client.channel(3)
    if (protocol?.startsWith('v4')) assert.equal(JSON.parse(outcome).status, 'Failure')
    else assert.equal(outcome, 'command terminated with non-zero exit code: exit status 3')
  }
})

test('base64 flavours are text in both directions', async () => {
  for (const protocol of ['v4.base64.channel.k8s.io', 'base64.channel.k8s.io']) {
    await using world = await start()
    const client = await world.open('command=x&input=1&output=1', [protocol])
    client.socket.send(`0${Buffer.from('häh').toString('base64')}`)
    await client.until(() => client.messages.length > 0 && world.processes.length > 0)
    const [process] = world.processes
    process?.stdin?.once('data', (bytes: Buffer) => {
      process.stdout?.write(bytes)
      process.end(0)
    })
    assert.equal(await client.untilClosed(), 1000)
    assert.deepEqual(
      client.isText.filter((isText) => !isText),
      [],
    )
    const output = client.messages.map(String).find((text) => text.length > 1)
    assert.equal(output, `1${Buffer.from('häh').toString('base64')}`)
  }
})

test('a protocol that nobody knows is refused', async () => {
  await using world = await start()
  for (const protocol of ['v6.channel.k8s.io', 'v3.channel.k8s.io']) {
    assert.equal(await world.refusal('command=x&output=1', [protocol]), 403)
  }
})

test('what comes on channels that nobody asked for, or on none, is passed over', async () => {
  await using world = await start()
  const client = await world.open('command=x&output=1', ['v4.channel.k8s.io'])
  for (const message of [[], [0, 1], [9, 1], [3, 1], [4, 0x7b]]) {
    client.socket.send(Buffer.from(message))
  }
  client.socket.send('text')
  client.socket.ping('here')
  const [payload] = await new Promise<[Buffer]>((resolve) =>
    client.socket.once('pong', (data) => resolve([data])),
  )
  assert.equal(payload.toString(), 'here')
  world.processes[0]?.end(0)
  assert.equal(await client.untilClosed(), 1000)
})

test('sizes come through without a terminal too', async () => {
  await using world = await start()
  const client = await world.open('command=x&output=1', ['v5.channel.k8s.io'])
  client.send(4, '{"Width":7,"Height":8}')
  client.socket.ping()
  await new Promise((resolve) => client.socket.once('pong', resolve))
  assert.deepEqual(world.processes[0]?.sizes, [{ width: 7, height: 8 }])
  client.socket.terminate()
})

test('a client that vanishes ends the process', async () => {
  await using world = await start()
  const client = await world.open('command=x&output=1', ['v5.channel.k8s.io'])
  await client.until(() => client.messages.length > 0 && world.processes.length > 0)
  const signal = world.processes[0]?.signal
  const aborted = new Promise((resolve) => signal?.addEventListener('abort', resolve))
  client.socket.terminate()
  await aborted
})

test('10 MiB arrive whole, both ways', async () => {
  await using world = await start()
  const client = await world.open('command=x&input=1&output=1', ['v5.channel.k8s.io'])
  await client.until(() => client.messages.length > 0 && world.processes.length > 0)
  const [process] = world.processes
  assert.ok(process?.stdin && process.stdout)
  process.stdin.pipe(process.stdout)
  process.stdin.once('end', () => process.end(0))
  const piece = Buffer.alloc(1024 * 1024, 'x')
  for (let i = 0; i < 10; i += 1) client.send(0, piece)
  client.socket.send(Buffer.from([255, 0]))
  assert.equal(await client.untilClosed(), 1000)
  assert.equal(client.channel(1).length, 10 * piece.length)
})

test('a handshake that is none is answered with 400', async () => {
  const kubelet = await startKubelet({
    node: stubNode([podWith('web', [{ state: { running: {} } }])], {
      exec: async (_ref, _container, choice, { signal }) => new FakeProcess(choice, signal),
    }),
  })
  const reply = await kubelet.ask({
    path: '/exec/default/web/c0?command=x&output=1',
    headers: { connection: 'Upgrade', upgrade: 'websocket' },
  })
  assert.equal(reply.status, 400)
  await kubelet[Symbol.asyncDispose]()
})

test('a token among the subprotocols is none of them', () => {
  const token = 'base64url.bearer.authorization.k8s.io.YWJj'
  const choose = (offered: string): unknown => {
    const headers = { 'sec-websocket-protocol': offered }
    return chooseSubprotocol({ headers } as unknown as IncomingMessage, websocketCommandProtocols)
  }
  assert.deepEqual(choose(`${token}, v4.channel.k8s.io`), { protocol: 'v4.channel.k8s.io' })
  assert.deepEqual(choose(token), { protocol: '' })
})
