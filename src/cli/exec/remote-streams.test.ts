// SPDX-License-Identifier: Apache-2.0
// The client of exec against a WebSocket server that speaks the API's protocols.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough, Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { test } from 'node:test'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'
import { ApiError } from '../../kube/api-error.ts'
import type { ClusterConnection } from '../../kube/cluster-connection.ts'
import { fixedCredentials } from '../../kube/credentials.ts'
import type { Status } from '../../kube/types.gen.ts'
import { systemClock } from '../../util/clock.ts'
import { UserError } from '../../util/vk-error.ts'
import { execPath, exitCodeOf } from './exec.ts'
import { runRemote } from './remote-streams.ts'
import type { TerminalSize } from './remote-streams.ts'

const success = { metadata: {}, status: 'Success' }

/** Paths that are refused: content type and body. */
const refusals: Readonly<Record<string, readonly [type: string, body: string]>> = {
  '/status': ['application/json', '{"kind":"Status","message":"container not found (\\"x\\")"}'],
  '/plain': ['text/plain; charset=utf-8', 'container not found ("x")'],
}

interface Fixture extends AsyncDisposable {
  readonly connection: ClusterConnection
}

/** A server that hands each connection to `serve`; `protocol` is the one that it chooses. */
async function startServer(
  serve: (socket: WebSocket) => void,
  protocol = 'v5.channel.k8s.io',
): Promise<Fixture> {
  const http = createServer()
  const server = new WebSocketServer({ noServer: true, handleProtocols: () => protocol })
  http.on('upgrade', (request, socket, head) => {
    assert.equal(request.headers.authorization, 'Bearer secret')
    assert.equal(request.headers['sec-websocket-protocol'], 'v5.channel.k8s.io,v4.channel.k8s.io')
    const refusal = refusals[request.url ?? '']
    if (refusal !== undefined) {
      const [type, body] = refusal
      const head = `content-type: ${type}\r\ncontent-length: ${body.length}\r\nconnection: close`
      socket.end(`HTTP/1.1 400 Bad Request\r\n${head}\r\n\r\n${body}`)
      return
    }
    server.handleUpgrade(request, socket, head, serve)
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  return {
    connection: {
      server: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
      namespace: 'default',
      source: 'test',
      tls: { isInsecure: false },
      headers: [],
      credentials: fixedCredentials({ token: 'secret' }),
    },
    async [Symbol.asyncDispose]() {
      for (const socket of server.clients) socket.terminate()
      http.closeAllConnections()
      http.close()
      await once(http, 'close')
    },
  }
}

function say(socket: WebSocket, channel: number, content: string | Buffer): void {
  socket.send(Buffer.concat([Buffer.from([channel]), Buffer.from(content)]))
}

function finish(socket: WebSocket, status: object): void {
  say(socket, 3, JSON.stringify(status))
  socket.close(1000)
}

async function remote(
  fixture: Fixture,
  options: { stdin?: Readable; sizes?: TerminalSize[] } = {},
) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const outputs = Promise.all([text(stdout), text(stderr)])
  const status = await runRemote(fixture.connection, {
    path: '/exec',
    streams: { stdout, stderr, ...(options.stdin && { stdin: options.stdin }) },
    clock: systemClock,
    signal: AbortSignal.timeout(100_000),
    ...(options.sizes && { onOpen: (resize) => options.sizes?.forEach((size) => resize(size)) }),
  })
  stdout.end()
  stderr.end()
  const [out, err] = await outputs
  return { status, out, err }
}

test('output, errors and the exit code arrive', async () => {
  await using fixture = await startServer((socket) => {
    socket.send(Buffer.from([1]))
    say(socket, 1, 'out\n')
    say(socket, 2, 'err\n')
    const details = { causes: [{ reason: 'ExitCode', message: '3' }] }
    finish(socket, { status: 'Failure', reason: 'NonZeroExitCode', details })
  })
  const { status, out, err } = await remote(fixture)
  assert.deepEqual([out, err, exitCodeOf(status)], ['out\n', 'err\n', 3])
})

test('input goes there whole, and its end is told (v5)', async () => {
  await using fixture = await startServer((socket) => {
    const parts: Buffer[] = []
    socket.on('message', (data: Buffer) => {
      if (data[0] === 0) parts.push(data.subarray(1))
      if (data[0] !== 255) return
      assert.deepEqual([...data], [255, 0])
      say(socket, 1, Buffer.concat(parts))
      finish(socket, success)
    })
  })
  const { status, out } = await remote(fixture, {
    stdin: Readable.from(['a', 'b'.repeat(70_000), 'c']),
  })
  assert.equal(out, `a${'b'.repeat(70_000)}c`)
  assert.equal(exitCodeOf(status), 0)
})

test('with v4 the end of input cannot be told, and nothing else is sent for it', async () => {
  const seen: number[] = []
  await using fixture = await startServer((socket) => {
    socket.on('message', (data: Buffer) => {
      seen.push(data[0] ?? -1)
      if (data.subarray(1).toString() !== 'last') return
      // What the client had to say after its input would be here before the pong.
      socket.once('pong', () => finish(socket, success))
      socket.ping()
    })
  }, 'v4.channel.k8s.io')
  await remote(fixture, { stdin: Readable.from(['first', 'last']) })
  assert.deepEqual(seen, [0, 0])
})

test("the terminal's size is told", async () => {
  const seen = Promise.withResolvers<string>()
  await using fixture = await startServer((socket) => {
    socket.on('message', (data: Buffer) => {
      seen.resolve(`${data[0]} ${data.subarray(1).toString()}`)
      finish(socket, success)
    })
  })
  await remote(fixture, { sizes: [{ columns: 80, rows: 24 }] })
  assert.equal(await seen.promise, '4 {"Width":80,"Height":24}')
})

test('a reader that is slow gets everything', async () => {
  const size = 3_000_000
  await using fixture = await startServer((socket) => {
    for (let sent = 0; sent < size; sent += 30_000) say(socket, 1, Buffer.alloc(30_000, 'x'))
    finish(socket, success)
  })
  const stdout = new PassThrough({ highWaterMark: 1000 })
  const running = runRemote(fixture.connection, {
    path: '/exec',
    streams: { stdout, stderr: new PassThrough() },
    clock: systemClock,
    signal: AbortSignal.timeout(100_000),
  })
  const reading = buffer(stdout)
  assert.equal((await running).status, 'Success')
  stdout.end()
  assert.equal((await reading).length, size)
})

test('a refusal has the words of the API server, or those of the kubelet behind it', async () => {
  await using fixture = await startServer(() => {})
  for (const path of Object.keys(refusals)) {
    const request = {
      path,
      streams: { stdout: new PassThrough(), stderr: new PassThrough() },
      clock: systemClock,
      signal: AbortSignal.timeout(100_000),
    }
    await assert.rejects(
      runRemote(fixture.connection, request),
      (error) => error instanceof ApiError && /container not found \("x"\)/.test(error.message),
    )
  }
})

test('a connection that breaks before the end is an error, not a success', async () => {
  await using fixture = await startServer((socket) => {
    say(socket, 1, 'half')
    socket.terminate()
  })
  await assert.rejects(remote(fixture), /the connection ended before the command did/)
})

test('a command that could not be started is told in the words of the server', () => {
  const status = { status: 'Failure', message: 'no such file' } as Status
  assert.throws(
    () => exitCodeOf(status),
    (error) => error instanceof UserError && /no such file/.test(error.message),
  )
})

test('the request names each word of the command, and one output with a terminal', () => {
  const pod = { metadata: { name: 'p', namespace: 'n' } }
  const path = (tty: boolean) =>
    execPath({ pod, container: 'c' } as unknown as Parameters<typeof execPath>[0], {
      command: ['sh', '-c', 'echo $A & b'],
      stdin: true,
      tty,
    })
  const words = 'command=sh&command=-c&command=echo+%24A+%26+b'
  const start = `/api/v1/namespaces/n/pods/p/exec?${words}&container=c&stdout=true&stdin=true`
  assert.equal(path(false), `${start}&stderr=true`)
  assert.equal(path(true), `${start}&tty=true`)
})
