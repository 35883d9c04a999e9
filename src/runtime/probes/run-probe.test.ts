// SPDX-License-Identifier: Apache-2.0
// exec, tcpSocket and grpc, and what all probes have in common: tries and time limits.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import { FakeContainerRuntime } from '../../../test/support/fake-container-runtime.ts'
import { FakeExec } from '../../../test/support/fake-exec.ts'
import type { Container, Probe } from '../../kube/types.gen.ts'
import { FakeClock } from '../../util/fake-clock.ts'
import { silentLogger } from '../../util/logger.ts'
import type { ProbeAnswer } from './probe-order.ts'
import { probeRunner } from './run-probe.ts'
import { tries } from '../../../test/support/test-size.ts'

const host = '127.0.0.1'
const key = { pod: { namespace: 'ns', name: 'pod', uid: 'u' }, name: 'main', attempt: 0 }

class World {
  readonly clock = new FakeClock()
  readonly runtime = new FakeContainerRuntime(this.clock)
  readonly exec = new FakeExec(this.clock)
  readonly lifetime = new AbortController()

  podIP: string = host

  async probe(probe: Probe, parts: Partial<Container> = {}): Promise<ProbeAnswer> {
    this.runtime.exec = this.exec.exec
    const { clock, runtime } = this
    const run = probeRunner({ runtime, clock, log: silentLogger })
    const spec = buildContainer(parts)
    const { podIP } = this
    const order = { key, pod: buildPod(), spec, probe, podIP, timeoutMs: 2000 }
    return await run(order, this.lifetime.signal)
  }
}

test('a command succeeds with exit code 0, and is told of otherwise with what it said', async () => {
  const world = new World()
  const exec = { command: ['cat', '/tmp/healthy'] }
  assert.deepEqual(await world.probe({ exec }), { result: 'success', output: '' })
  world.exec.answer = () => 3
  world.exec.output = `why${'x'.repeat(20_000)}`
  const { result, output } = await world.probe({ exec })
  assert.equal(result, 'failure')
  assert.equal(output.length, 10 * 1024)
  assert.match(output, /^whyx/)
  assert.deepEqual(world.exec.calls[0]?.command, exec.command)
  assert.equal(world.clock.pending, 0)
})

test('a command knows only those variables that its container’s spec says itself', async () => {
  const world = new World()
  const env = [
    { name: 'FILE', value: '/x' },
    { name: 'SECRET', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
  ]
  await world.probe(
    { exec: { command: ['a$(FILE)', '$(SECRET)', '$(OTHER)', '$$(FILE)'] } },
    { env },
  )
  assert.deepEqual(world.exec.calls[0]?.command, ['a/x', '', '$(OTHER)', '$(FILE)'])
})

test('a command that takes too long is ended, and has failed', async () => {
  const world = new World()
  world.exec.answer = () => 'hang'
  const answer = world.probe({ exec: { command: ['sleep', '9 9'] } })
  await world.clock.advance(2000)
  assert.deepEqual(await answer, {
    result: 'failure',
    output: 'command timed out: "sleep 9 9" timed out after 2s',
  })
})

test('a runtime that hangs holds up a probe no longer than a command that does', async () => {
  const world = new World()
  world.exec.answer = () => 'stall'
  const answer = world.probe({ exec: { command: ['true'] } })
  await world.clock.advance(2000)
  assert.equal((await answer).output, 'command timed out: "true" timed out after 2s')
  assert.equal(world.exec.calls.length, 1)
  world.exec.stalled.resolve()
  await world.clock.advance(0)
  assert.equal(world.exec.stdout?.destroyed, true, 'what was started after all is left alone')
})

test('a command that cannot be started is tried three times, and says nothing', async () => {
  const world = new World()
  world.exec.answer = () => new Error('exec: "no": executable file not found in $PATH')
  await assert.rejects(world.probe({ exec: { command: ['no'] } }), {
    message: 'exec: "no": executable file not found in $PATH',
    state: 'unknown',
  })
  assert.equal(world.exec.calls.length, 3)
  world.exec.answer = () => (world.exec.calls.length < 6 ? new Error('busy') : 0)
  assert.equal((await world.probe({ exec: { command: ['yes'] } })).result, 'success')
})

test('a probe that nobody wants any more is given up with its process', async () => {
  const world = new World()
  world.exec.answer = () => 'hang'
  const answer = world.probe({ exec: { command: ['sleep'] } })
  await world.clock.advance(0)
  world.lifetime.abort(new Error('gone'))
  await assert.rejects(answer, { message: 'gone' })
  assert.equal(world.exec.calls.length, 1)
  assert.equal(world.clock.pending, 0)
})

test('a probe without an action, and a runtime without commands', async () => {
  const world = new World()
  await assert.rejects(world.probe({}), { message: 'missing probe handler for pod_ns(u):main' })
  delete world.runtime.exec
  const { clock, runtime } = world
  const run = probeRunner({ runtime, clock, log: silentLogger })
  const probe = { exec: { command: ['x'] } }
  const order = { key, pod: buildPod(), spec: buildContainer(), probe, podIP: '', timeoutMs: 1000 }
  await assert.rejects(run(order, world.lifetime.signal), /runs no commands in containers/)
})

test('a pod without an address is not looked for on this machine', async () => {
  const world = new World()
  world.podIP = ''
  for (const probe of [
    { tcpSocket: { port: 1 } },
    { httpGet: { port: 1 } },
    { grpc: { port: 1 } },
  ]) {
    await assert.rejects(world.probe(probe), {
      message: 'the pod has no address',
      state: 'unknown',
    })
  }
})

test('a port is open when somebody accepts the connection', async () => {
  const world = new World()
  const server = createServer()
  const port = await listen(server)
  const tcpSocket = { port: 'web' }
  const ports = [{ name: 'web', containerPort: port }]
  assert.equal((await world.probe({ tcpSocket }, { ports })).result, 'success')
  server.close()
  assert.deepEqual(await world.probe({ tcpSocket }, { ports }), {
    result: 'failure',
    output: `dial tcp ${host}:${port}: connect: connection refused`,
  })
  const nameless = await world.probe({ tcpSocket: { port, host: 'no-such-host.invalid' } })
  assert.equal(nameless.output, 'dial tcp: lookup no-such-host.invalid: no such host')
  await assert.rejects(world.probe({ tcpSocket: { port: 'other' } }), { state: 'unknown' })
})

test('a connection that does not come about in time has failed', async () => {
  const world = new World()
  // An address for documentation: packets to it come to nobody, or to somebody who refuses them.
  const answer = world.probe({ tcpSocket: { port: 80, host: '192.0.2.1' } })
  await world.clock.advance(2000)
  const { result, output } = await answer
  assert.equal(result, 'failure')
  assert.match(output, /^dial tcp 192\.0\.2\.1:80: /)
})

interface GrpcServer extends Disposable {
  readonly port: number
  /** Resolves when it was asked for what it does not answer. */
  readonly hanging: Promise<void>
}

/** Answers Check of the health service as the name of the service asked for says. */
async function grpcServer(): Promise<GrpcServer> {
  const hanging = Promise.withResolvers<void>()
  const server = createHttp2Server()
  const streams = new Set<ServerHttp2Stream>()
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    streams.add(stream)
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('error', () => {})
    stream.on('end', () => {
      const service = Buffer.concat(chunks).subarray(7).toString()
      if (service === 'hangs') return hanging.resolve()
      const [code, message = ''] =
        service === 'missing'
          ? ['5', 'unknown service']
          : service === 'old'
            ? ['12', 'no such']
            : ['0']
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc' },
        { waitForTrailers: true },
      )
      stream.on('wantTrailers', () =>
        stream.sendTrailers({ 'grpc-status': code, 'grpc-message': message }),
      )
      const status = service === 'down' ? 2 : 1
      assert.equal(headers[':path'], '/grpc.health.v1.Health/Check')
      assert.equal(headers['user-agent'], 'kube-probe/1.36')
      stream.end(code === '0' ? Buffer.from([0, 0, 0, 0, 2, 8, status]) : undefined)
    })
  })
  const port = await listen(server)
  return {
    port,
    hanging: hanging.promise,
    [Symbol.dispose]: () => {
      server.close()
      for (const stream of streams) stream.session?.destroy()
    },
  }
}

test('a gRPC service says how it is', async () => {
  using server = await grpcServer()
  const world = new World()
  const { port } = server
  const failed = (output: string) => ({ result: 'failure', output })
  for (const [service, expected] of [
    ['', { result: 'success', output: 'service healthy' }],
    ['down', failed('service unhealthy (responded with "NOT_SERVING")')],
    [
      'missing',
      failed('error: health rpc probe failed: rpc error: code = NotFound desc = unknown service'),
    ],
    [
      'old',
      failed(
        'error: this server does not implement the grpc health protocol (grpc.health.v1.Health): no such',
      ),
    ],
  ] as const) {
    assert.deepEqual(await world.probe({ grpc: { port, service } }), expected, service)
  }
})

test('whatever bytes come instead of a gRPC answer, the probe has failed', async () => {
  const world = new World()
  let bytes: Uint8Array = Buffer.alloc(0)
  const server = createServer((socket) => void socket.on('error', () => {}).end(bytes))
  const port = await listen(server)
  // A frame of settings, as every HTTP/2 server begins.
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])
  const garbage = fc.uint8Array({ maxLength: 60 })
  const some = fc.oneof(
    garbage,
    garbage.map((rest) => Buffer.concat([settings, rest])),
    garbage.map(([length = 0, type = 0, ...rest]) =>
      Buffer.concat([settings, Buffer.from([0, 0, length, type, 0, 0, 0, 0, 1, ...rest])]),
    ),
  )
  await fc.assert(
    fc.asyncProperty(some, async (sent) => {
      bytes = sent
      assert.equal((await world.probe({ grpc: { port } })).result, 'failure')
    }),
    { numRuns: tries(200, 40) },
  )
  server.close()
})

test('a gRPC service that hangs, is no such service, or is not there', async () => {
  using server = await grpcServer()
  const world = new World()
  const { port } = server
  const late = world.probe({ grpc: { port, service: 'hangs' } })
  await server.hanging
  await world.clock.advance(2000)
  assert.equal((await late).output, 'timeout: health rpc did not complete within 2s')

  const other = createServer(
    (socket) => void socket.on('error', () => {}).end('HTTP/1.1 200 OK\r\n\r\n'),
  )
  const otherPort = await listen(other)
  assert.equal((await world.probe({ grpc: { port: otherPort } })).result, 'failure')
  other.close()
  assert.equal(
    (await world.probe({ grpc: { port: otherPort } })).output,
    `timeout: failed to connect service "${host}:${otherPort}" within 2s: context deadline exceeded`,
  )
})

async function listen(
  server: Pick<Server, 'listen' | 'address'> & NodeJS.EventEmitter,
): Promise<number> {
  server.listen(0, host)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
