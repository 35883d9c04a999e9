// SPDX-License-Identifier: Apache-2.0
//
// Probes, hooks and forwarded ports of pods on an engine of another machine: through the engine, from where the pod
// is.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { createServer as createHttp2Server } from 'node:http2'
import { createServer as createTlsServer } from 'node:https'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { buffer, text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import type { Container, Pod } from '../../src/kube/types.gen.ts'
import { ProviderFixture, firstContainer, refOf } from '../../src/testing/provider-fixture.ts'
import { TestAuthority } from '../support/kubelet-certificates.ts'
import { TcpRelay } from './tcp-relay.ts'
import { describeEngines, script, scriptIn } from './use-engine.ts'

/** A web server. */
const web = 'mkdir /tmp/www; echo fine > /tmp/www/up; httpd -p 8080 -h /tmp/www; '
const loopback = web.replace('8080', '127.0.0.1:8080')
const wait = 'trap "exit 0" TERM; sleep 600 & wait'
const often = { periodSeconds: 1, timeoutSeconds: 20 }

/** A server of this process; a pod on the host's network has the same. */
async function listen(server: Server): Promise<Disposable & { readonly port: number }> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { port, [Symbol.dispose]: () => void server.close() }
}

async function health(): Promise<Disposable & { readonly port: number }> {
  const service = createHttp2Server()
  service.on('stream', (stream) => {
    stream.resume().on('error', () => {})
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc' },
      { waitForTrailers: true },
    )
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.end(Buffer.from([0, 0, 0, 0, 2, 8, 1]))
  })
  return await listen(service)
}

function namespaceOf(pid: number | string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`)
  } catch {
    // It has just ended, or is no process.
    return undefined
  }
}

describeEngines('probes elsewhere', (engine) => {
  let relay: TcpRelay
  before(async () => {
    relay = await TcpRelay.open(engine.daemon.socket)
  })
  after(async () => await relay[Symbol.asyncDispose]())

  const open = (config: object = {}): Promise<ProviderFixture> =>
    ProviderFixture.open({ ...engine.options({ host: relay.host, ...config }), timeoutMs: 60_000 })

  const unhealthy = (fixture: ProviderFixture): readonly string[] =>
    fixture.events.filter(({ reason }) => reason === 'Unhealthy').map(({ message }) => message)

  async function until(fixture: ProviderFixture, what: string, isSo: () => boolean): Promise<void> {
    const untilMs = performance.now() + fixture.timeoutMs
    while (!isSo()) {
      assert.ok(
        performance.now() < untilMs,
        `${what}: ${fixture.events.map((e) => e.message).join('\n')}`,
      )
      await fixture.host.clock.sleep(50)
    }
  }

  /** Until only its own program is left in the pod's sandbox, of all that had its processes' numbers. */
  async function untilAlone(fixture: ProviderFixture, pod: Pod): Promise<void> {
    const sandbox = await engine.daemon.api.find(pod.metadata.name, 'POD')
    const path = `/containers/${sandbox?.Id}/json`
    const { State } = await engine.daemon.api.call<{ State: { Pid: number } }>('GET', path)
    const own = namespaceOf(State.Pid)
    assert.ok(own)
    const count = (): number =>
      readdirSync('/proc').filter((pid) => namespaceOf(pid) === own).length
    await until(fixture, 'something is left in the sandbox', () => count() === 1)
  }

  const ready = (fixture: ProviderFixture, pod: Pod): Promise<unknown> =>
    fixture.until(pod, 'is ready', (observed) => firstContainer(observed).ready)

  test('readiness by HTTP follows the server, a hook is sent, and nothing of them stays', async () => {
    await using fixture = await open()
    const httpGet = { port: 8080, path: '/up' }
    const container: Partial<Container> = {
      readinessProbe: { httpGet, ...often },
      lifecycle: { preStop: { httpGet: { port: 8080, path: '/cgi-bin/bye' } } },
    }
    const bye =
      'mkdir /tmp/www/cgi-bin; printf "#!/bin/sh\\nkill -TERM 1\\n" > /tmp/www/cgi-bin/bye; '
    const pod = fixture.pod(script(`${web}${bye}chmod +x /tmp/www/cgi-bin/bye; ${wait}`, container))
    await fixture.run(pod)
    await ready(fixture, pod)
    const command = ['rm', '/tmp/www/up']
    const streams = { stdin: false, stdout: true, stderr: false, tty: false }
    const exec = { command, ...streams }
    await (
      await fixture.provider.exec?.(refOf(pod), 'c0', exec, fixture.context)
    )?.exited
    await fixture.until(pod, 'is not ready', (observed) => !firstContainer(observed).ready)
    await until(fixture, 'told', () =>
      unhealthy(fixture).includes('Readiness probe failed: HTTP probe failed with statuscode: 404'),
    )
    await untilAlone(fixture, pod)
    await fixture.delete(pod, 600)
    await fixture.until(pod, 'has ended by its hook', ({ hasEnded }) => hasEnded)
  })

  test('a port that is closed ends its container; a lost engine says nothing of it', async () => {
    await using fixture = await open()
    const livenessProbe = { tcpSocket: { port: 9000 }, ...often, failureThreshold: 1 }
    const listening = `nc -ll -p 9000 -e cat & server=$!; trap "exit 0" TERM
      while [ ! -e /tmp/close ]; do sleep 0.1; done; kill $server; sleep 600 & wait`
    const pod = fixture.pod(
      script(listening, { livenessProbe: { ...livenessProbe, initialDelaySeconds: 2 } }),
    )
    await fixture.run(pod)
    relay.isUp = false
    await until(fixture, 'told of the engine', () =>
      unhealthy(fixture).some((message) =>
        /^Liveness probe errored and resulted in unknown state: .*Cannot reach the engine/.test(
          message,
        ),
      ),
    )
    relay.isUp = true
    const streams = { stdin: false, stdout: true, stderr: false, tty: false }
    const exec = { command: ['touch', '/tmp/close'], ...streams }
    const [before] = (await fixture.observe(pod))?.containers ?? []
    assert.equal(before?.restartCount, 0)
    await (
      await fixture.provider.exec?.(refOf(pod), 'c0', exec, fixture.context)
    )?.exited
    await fixture.until(
      pod,
      'is started again',
      (observed) => firstContainer(observed).restartCount > 0,
    )
    const refused = unhealthy(fixture).filter((message) => message.endsWith('connection refused'))
    assert.match(refused[0] ?? '', /^Liveness probe failed: dial tcp [\d.]+:9000: connect: /)
    await untilAlone(fixture, pod)
  })

  test('gRPC and HTTPS are asked on the network of the engine’s machine', async () => {
    const authority = await TestAuthority.create('nobody')
    const { cert, key } = await authority.issue({ usage: 'server', notAfter: new Date(0) })
    using service = await health()
    using secure = await listen(createTlsServer({ cert, key }, (_, response) => response.end('ok')))
    await using fixture = await open({ allowHostNamespaces: true })
    const container: Partial<Container> = {
      readinessProbe: { grpc: { port: service.port }, ...often },
      startupProbe: { httpGet: { port: secure.port, scheme: 'HTTPS' }, ...often },
    }
    const pod = fixture.pod(scriptIn({ hostNetwork: true }, wait, container))
    await fixture.run(pod)
    await ready(fixture, pod)
    await untilAlone(fixture, pod)
  })

  test('a server that leaves a request unanswered is let go, there too', async () => {
    const closed = Promise.withResolvers<void>()
    const silent = createServer((socket) => {
      socket.on('error', () => {}).resume()
      socket.once('close', closed.resolve)
    })
    using server = await listen(silent)
    await using fixture = await open({ allowHostNamespaces: true })
    const httpGet = { port: server.port }
    const readinessProbe = { httpGet, periodSeconds: 1, timeoutSeconds: 4 }
    const pod = fixture.pod(scriptIn({ hostNetwork: true }, wait, { readinessProbe }))
    await fixture.run(pod)
    await until(fixture, 'told', () =>
      unhealthy(fixture).some((message) => message.endsWith('exceeded while awaiting headers)')),
    )
    await closed.promise
    assert.equal(firstContainer((await fixture.observe(pod)) ?? assert.fail()).ready, false)
  })

  test('ports are forwarded to programs on loopback, whatever the image has in it', async () => {
    await using fixture = await open()
    const pod = fixture.pod(script(`nc -ll -p 9000 -e cat & ${loopback}${wait}`))
    await fixture.run(pod)
    const forward = async (port: number) =>
      (await fixture.provider.portForward?.(refOf(pod), port, fixture.context)) ?? assert.fail()
    const untilMs = performance.now() + fixture.timeoutMs
    const opened = async (port: number): Promise<Awaited<ReturnType<typeof forward>>> => {
      for (;;) {
        try {
          return await forward(port)
        } catch (error) {
          assert.ok(performance.now() < untilMs, String(error))
          await fixture.host.clock.sleep(50)
        }
      }
    }
    const echo = await opened(9000)
    const bytes = Buffer.alloc(1_000_000, '9000\n')
    echo.end(bytes)
    const back = await buffer(echo)
    assert.ok(back.equals(bytes), `${back.length} of ${bytes.length} bytes came back`)
    const local = await opened(8080)
    local.write('GET /up HTTP/1.0\r\n\r\n')
    assert.match(await text(local), /^HTTP\/1.[01] 200 OK[^]*fine/)
    await assert.rejects(forward(9001), /failed to connect to port 9001 .*connection refused/)
    await untilAlone(fixture, pod)
  })
})
