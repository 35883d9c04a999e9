// SPDX-License-Identifier: Apache-2.0
//
// Probes, hooks and forwarded ports of pods on an engine of another machine: through the engine, from where the pod
// is.
import assert from 'node:assert/strict'
import { readdirSync, readlinkSync } from 'node:fs'
import { createServer as createTlsServer } from 'node:https'
import { createServer } from 'node:net'
import { buffer, text } from 'node:stream/consumers'
import { test } from 'node:test'
import type { Container, Pod } from '../../src/kube/types.gen.ts'
import type { ProviderHost } from '../../src/provider/provider.ts'
import { ProviderFixture, firstContainer, refOf } from '../../src/testing/provider-fixture.ts'
import type { Clock } from '../../src/util/clock.ts'
import { silentLogger } from '../../src/util/logger.ts'
import { grpcHealth } from '../support/grpc-health.ts'
import { TestAuthority } from '../support/kubelet-certificates.ts'
import { listen } from '../support/listen.ts'
import { useElsewhere } from './tcp-relay.ts'
import { describeEngines, script, scriptIn, untilStopped } from './use-engine.ts'

/** What a web server has. */
const pages = 'mkdir -p /tmp/www/cgi-bin; echo fine > /tmp/www/up; '
/** A request to end, from inside. */
const bye =
  'printf "#!/bin/sh\\nkill -TERM 1\\n" > /tmp/www/cgi-bin/bye; chmod +x /tmp/www/cgi-bin/bye; '
const web = 'httpd -p 8080 -h /tmp/www; '
const loopback = web.replace('8080', '127.0.0.1:8080')
const often = { periodSeconds: 1, timeoutSeconds: 60 }
const output = { stdin: false, stdout: true, stderr: false, tty: false }

/** A time limit that ends when a test says so. */
class OwnLimit {
  readonly seconds = 3607
  readonly #waiting = new Set<() => void>()

  end(): void {
    for (const fire of this.#waiting) fire()
  }

  on(host: ProviderHost): ProviderHost {
    const { clock } = host
    const setTimer: Clock['setTimer'] = (delayMs, fire) => {
      if (delayMs !== this.seconds * 1000) return clock.setTimer(delayMs, fire)
      this.#waiting.add(fire)
      return { [Symbol.dispose]: () => void this.#waiting.delete(fire) }
    }
    return { ...host, clock: { ...clock, setTimer } }
  }
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
  const elsewhere = useElsewhere(engine)

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

  /** Until nothing is left of what is now beside its own program in the pod's sandbox; probes go on. */
  async function untilAlone(fixture: ProviderFixture, pod: Pod): Promise<void> {
    const sandbox = await engine.daemon.api.find(pod.metadata.name, 'POD')
    const path = `/containers/${sandbox?.Id}/json`
    const { State } = await engine.daemon.api.call<{ State: { Pid: number } }>('GET', path)
    const own = namespaceOf(State.Pid)
    assert.ok(own)
    const others = readdirSync('/proc').filter(
      (pid) => pid !== String(State.Pid) && namespaceOf(pid) === own,
    )
    const isAlone = (): boolean => others.every((pid) => namespaceOf(pid) !== own)
    await until(fixture, 'something is left in the sandbox', isAlone)
  }

  async function run(fixture: ProviderFixture, pod: Pod, ...command: string[]): Promise<void> {
    const { provider, context } = fixture
    const running = await provider.exec?.(refOf(pod), 'c0', { command, ...output }, context)
    assert.deepEqual(await running?.exited, { exitCode: 0 })
  }

  const ready = (fixture: ProviderFixture, pod: Pod): Promise<unknown> =>
    fixture.until(pod, 'is ready', (observed) => firstContainer(observed).ready)

  test('readiness by HTTP follows the server, a hook is sent, and nothing of them stays', async () => {
    await using fixture = await elsewhere.open()
    const httpGet = { port: 8080, path: '/up' }
    const container: Partial<Container> = {
      readinessProbe: { httpGet, ...often },
      lifecycle: { preStop: { httpGet: { port: 8080, path: '/cgi-bin/bye' } } },
    }
    const stoppable = 'trap "exit 0" TERM; '
    const pod = fixture.pod(script(`${stoppable}${pages}${bye}${web}${untilStopped}`, container))
    await fixture.run(pod)
    await ready(fixture, pod)
    await run(fixture, pod, 'rm', '/tmp/www/up')
    await fixture.until(pod, 'is not ready', (observed) => !firstContainer(observed).ready)
    await until(fixture, 'told', () =>
      unhealthy(fixture).includes('Readiness probe failed: HTTP probe failed with statuscode: 404'),
    )
    await untilAlone(fixture, pod)
    await fixture.delete(pod, 600)
    await fixture.until(pod, 'has ended by its hook', ({ hasEnded }) => hasEnded)
  })

  test('a port that is closed ends its container; a lost engine says nothing of it', async () => {
    await using fixture = await elsewhere.open()
    const probe = { tcpSocket: { port: 9000 }, ...often }
    const container: Partial<Container> = {
      startupProbe: { ...probe, failureThreshold: 600 },
      livenessProbe: { ...probe, failureThreshold: 1 },
    }
    const listening = `trap "exit 0" TERM; nc -ll -p 9000 -e cat & server=$!
      while [ ! -e /tmp/close ]; do sleep 0.1; done; kill $server; sleep 600 & wait`
    const pod = fixture.pod(script(listening, container))
    await fixture.run(pod)
    await fixture.until(pod, 'listens', (observed) => firstContainer(observed).started === true)
    elsewhere.relay.isUp = false
    await until(fixture, 'told of the engine', () =>
      unhealthy(fixture).some((message) =>
        /^Liveness probe errored and resulted in unknown state: .*Cannot reach the engine/.test(
          message,
        ),
      ),
    )
    elsewhere.relay.isUp = true
    const [before] = (await fixture.observe(pod))?.containers ?? []
    assert.equal(before?.restartCount, 0)
    await run(fixture, pod, 'touch', '/tmp/close')
    await fixture.until(
      pod,
      'is started again',
      (observed) => firstContainer(observed).restartCount > 0,
    )
    const refused = /^Liveness probe failed: dial tcp [\d.]+:9000: connect: connection refused$/
    assert.ok(
      unhealthy(fixture).some((message) => refused.test(message)),
      unhealthy(fixture).join('\n'),
    )
    await untilAlone(fixture, pod)
  })

  test('gRPC and HTTPS are asked on the network of the engine’s machine', async () => {
    const authority = await TestAuthority.create('nobody')
    const { cert, key } = await authority.issue({ usage: 'server', notAfter: new Date(0) })
    using service = await listen(grpcHealth())
    using secure = await listen(createTlsServer({ cert, key }, (_, response) => response.end('ok')))
    await using fixture = await elsewhere.open({ allowHostNamespaces: true })
    const container: Partial<Container> = {
      readinessProbe: { grpc: { port: service.port }, ...often },
      startupProbe: { httpGet: { port: secure.port, scheme: 'HTTPS' }, ...often },
    }
    const pod = fixture.pod(scriptIn({ hostNetwork: true }, untilStopped, container))
    await fixture.run(pod)
    await ready(fixture, pod)
    await untilAlone(fixture, pod)
  })

  test('a server that leaves a request unanswered is let go, there too', async () => {
    const limit = new OwnLimit()
    const closed = Promise.withResolvers<void>()
    const silent = createServer((socket) => {
      // Its time is over when the request is there.
      socket.on('error', () => {}).once('data', () => limit.end())
      socket.once('close', closed.resolve)
    })
    using server = await listen(silent)
    const options = elsewhere.options({ allowHostNamespaces: true })
    await using fixture = await ProviderFixture.open({
      ...options,
      open: (host) => options.open(limit.on(host)),
    })
    const httpGet = { port: server.port }
    const readinessProbe = { httpGet, periodSeconds: 1, timeoutSeconds: limit.seconds }
    const pod = fixture.pod(scriptIn({ hostNetwork: true }, untilStopped, { readinessProbe }))
    await fixture.run(pod)
    await until(fixture, 'told', () =>
      unhealthy(fixture).some((message) => message.endsWith('exceeded while awaiting headers)')),
    )
    await closed.promise
    assert.equal(firstContainer((await fixture.observe(pod)) ?? assert.fail()).ready, false)
  })

  test('ports are forwarded to programs on loopback, whatever the image has in it', async () => {
    await using fixture = await elsewhere.open()
    // The last one never closes what it has been given.
    const servers = `nc -ll -p 9000 -e cat & nc -ll -p 9002 -e sleep 600 & ${pages}${loopback}`
    const pod = fixture.pod(script(`${servers}${untilStopped}`))
    await fixture.run(pod)
    const forward = async (port: number, { signal } = fixture.context) =>
      (await fixture.provider.portForward?.(refOf(pod), port, { signal, log: silentLogger })) ??
      assert.fail()
    const untilMs = performance.now() + fixture.timeoutMs
    const opened = async (port: number, context = fixture.context) => {
      for (;;) {
        try {
          return await forward(port, context)
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
    const leaving = new AbortController()
    const { signal } = leaving
    const abandoned = await opened(9002, { ...fixture.context, signal })
    leaving.abort()
    assert.equal(abandoned.destroyed, true)
    await untilAlone(fixture, pod)
  })
})
