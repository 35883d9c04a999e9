// SPDX-License-Identifier: Apache-2.0
// Probes and hooks of pods whose address leads nowhere from here: what the runtime connects is no socket.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { connect, createServer } from 'node:net'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import { FakeContainerRuntime } from '../../../test/support/fake-container-runtime.ts'
import { grpcHealth } from '../../../test/support/grpc-health.ts'
import { TestAuthority } from '../../../test/support/kubelet-certificates.ts'
import { listen } from '../../../test/support/listen.ts'
import type { Probe } from '../../kube/types.gen.ts'
import { FakeClock } from '../../util/fake-clock.ts'
import { silentLogger } from '../../util/logger.ts'
import { VkError } from '../../util/vk-error.ts'
import { hookRunner } from '../hooks/run-hook.ts'
import type { ProbeAnswer } from './probe-order.ts'
import { probeRunner } from './run-probe.ts'

/** Of a network for documentation: nobody is there. */
const podIP = '192.0.2.7'
const here = '127.0.0.1'
const key = { pod: { namespace: 'ns', name: 'pod', uid: 'u' }, name: 'main', attempt: 0 }

class World {
  readonly clock = new FakeClock()
  readonly runtime = new FakeContainerRuntime(this.clock)
  readonly lifetime = new AbortController()
  readonly targets: string[] = []
  readonly connections: Duplex[] = []
  /** Called instead of connecting. */
  refuse: ((signal: AbortSignal) => Promise<never>) | undefined

  constructor() {
    this.runtime.dial = async (pod, { host, port }, { signal }) => {
      this.targets.push(`${pod.name} ${host}`)
      if (this.refuse) return await this.refuse(signal)
      const socket = connect(port, here)
      await once(socket, 'connect')
      // Neither a socket nor anything else that has a handle.
      const connection = Duplex.from({ readable: socket, writable: socket })
      connection.on('error', () => {})
      connection.once('close', () => socket.destroy())
      this.connections.push(connection)
      return connection
    }
  }

  async probe(probe: Probe): Promise<ProbeAnswer> {
    const { clock, runtime } = this
    const run = probeRunner({ runtime, clock, log: silentLogger })
    const order = { key, pod: buildPod(), spec: buildContainer(), probe, podIP, timeoutMs: 2000 }
    return await run(order, this.lifetime.signal)
  }

  get areClosed(): boolean {
    return this.connections.length > 0 && this.connections.every(({ destroyed }) => destroyed)
  }
}

const socketError = (code: string): Error =>
  Object.assign(new Error(code), { code, syscall: 'connect', address: podIP })

test('a port and an HTTP server are asked on the connection of the runtime, which is closed', async () => {
  const world = new World()
  const asked: (string | undefined)[] = []
  using server = await listen(
    createHttpServer(({ headers, url }, response) => {
      asked.push(`${headers.host} ${headers.connection} ${url}`)
      if (url === '/moved') response.writeHead(302, { location: '/here' }).end()
      else response.end('fine')
    }),
  )
  const { port } = server
  assert.equal((await world.probe({ tcpSocket: { port } })).result, 'success')
  assert.deepEqual(await world.probe({ httpGet: { port, path: '/moved' } }), {
    result: 'success',
    output: 'fine',
  })
  assert.deepEqual(asked, [`${podIP}:${port} close /moved`, `${podIP}:${port} close /here`])
  assert.deepEqual(
    world.targets,
    Array.from({ length: 3 }, () => `pod ${podIP}`),
  )
  assert.ok(world.areClosed)
})

test('so is a server behind TLS, whoever has signed its certificate', async () => {
  const authority = await TestAuthority.create('nobody')
  const { cert, key } = await authority.issue({ usage: 'server', notAfter: new Date(0) })
  using server = await listen(createTlsServer({ cert, key }, (_, response) => response.end('ok')))
  const world = new World()
  const { port } = server
  const action = { port, scheme: 'HTTPS' }
  assert.deepEqual(await world.probe({ httpGet: action }), { result: 'success', output: 'ok' })
  using plain = await listen(createHttpServer((_, response) => response.end('ok')))
  const answer = await world.probe({ httpGet: { port: plain.port, scheme: 'HTTPS' } })
  assert.match(answer.output, /: http: server gave HTTP response to HTTPS client$/)
  assert.ok(world.areClosed)
})

test('so is a gRPC service', async () => {
  using server = await listen(grpcHealth())
  const world = new World()
  const answer = await world.probe({ grpc: { port: server.port } })
  assert.deepEqual(answer, { result: 'success', output: 'service healthy' })
  assert.ok(world.areClosed)
})

test('a host that the pod names is asked from here, unless it is the pod’s own', async () => {
  const world = new World()
  using server = await listen(createHttpServer((_, response) => response.end('ok')))
  const { port } = server
  assert.equal((await world.probe({ httpGet: { port, host: here } })).result, 'success')
  assert.equal((await world.probe({ tcpSocket: { port, host: here } })).result, 'success')
  assert.equal(world.targets.length, 0)
  assert.equal((await world.probe({ httpGet: { port, host: podIP } })).result, 'success')
  assert.equal(world.targets.length, 1)
})

test('a port that nobody listens on has failed in a kubelet’s words', async () => {
  const world = new World()
  world.refuse = () => Promise.reject(socketError('ECONNREFUSED'))
  const refused = `dial tcp ${podIP}:80: connect: connection refused`
  const answers = [
    await world.probe({ tcpSocket: { port: 80 } }),
    await world.probe({ httpGet: { port: 80 } }),
    await world.probe({ grpc: { port: 80 } }),
  ]
  assert.deepEqual(answers, [
    { result: 'failure', output: refused },
    { result: 'failure', output: `Get "http://${podIP}:80/": ${refused}` },
    {
      result: 'failure',
      output: `timeout: failed to connect service "${podIP}:80" within 2s: context deadline exceeded`,
    },
  ])
})

test('so has one that does not answer in time', async () => {
  const world = new World()
  world.refuse = (signal) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  const late = [
    world.probe({ tcpSocket: { port: 80 } }),
    world.probe({ httpGet: { port: 80 } }),
    world.probe({ grpc: { port: 80 } }),
  ]
  // The kind for gRPC is loaded with its first probe.
  await Promise.all([world.clock.advance(2000), ...late])
  const outputs = (await Promise.all(late)).map(({ output }) => output)
  assert.deepEqual(outputs, [
    `dial tcp ${podIP}:80: i/o timeout`,
    `Get "http://${podIP}:80/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
    `timeout: failed to connect service "${podIP}:80" within 2s: context deadline exceeded`,
  ])
})

test('a runtime that cannot even try says nothing about the pod', async () => {
  const world = new World()
  world.refuse = () => Promise.reject(new VkError('Unavailable', 'no engine'))
  for (const probe of [
    { tcpSocket: { port: 80 } },
    { httpGet: { port: 80 } },
    { grpc: { port: 80 } },
  ]) {
    await assert.rejects(world.probe(probe), { message: 'no engine', state: 'unknown' })
  }
  assert.equal(world.targets.length, 9, 'each is tried three times')
})

test('a probe that nobody wants any more is given up with its connection', async () => {
  const world = new World()
  const accepted = Promise.withResolvers<void>()
  const silent = createServer((socket) => {
    socket.on('error', () => {}).resume()
    accepted.resolve()
  })
  using server = await listen(silent)
  const answer = world.probe({ httpGet: { port: server.port } })
  await accepted.promise
  world.lifetime.abort(new Error('gone'))
  await assert.rejects(answer, { message: 'gone' })
  assert.ok(world.areClosed)
  assert.equal(world.clock.pending, 0)
})

test('a hook’s request goes the same way', async () => {
  const world = new World()
  const { clock, runtime } = world
  const asked: (string | undefined)[] = []
  using server = await listen(
    createHttpServer(({ url }, response) => {
      asked.push(url)
      response.end()
    }),
  )
  const run = hookRunner({ runtime, clock, log: silentLogger, recordEvent: () => {} })
  const order = { key, kind: 'preStop', pod: buildPod(), spec: buildContainer(), podIP } as const
  await run({ httpGet: { port: server.port, path: '/bye' } }, order, world.lifetime.signal)
  assert.deepEqual(asked, ['/bye'])
  assert.ok(world.areClosed)
})
