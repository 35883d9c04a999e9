// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import { FakeContainerRuntime } from '../../../test/support/fake-container-runtime.ts'
import { FakeExec } from '../../../test/support/fake-exec.ts'
import type { LifecycleHandler } from '../../kube/types.gen.ts'
import { FakeClock } from '../../util/fake-clock.ts'
import { silentLogger } from '../../util/logger.ts'
import { hookRunner } from './run-hook.ts'

const host = '127.0.0.1'

class World {
  readonly clock = new FakeClock()
  readonly exec = new FakeExec(this.clock)
  readonly events: string[] = []
  readonly lifetime = new AbortController()

  async run(handler: LifecycleHandler, podIP: string = host): Promise<void> {
    const runtime = new FakeContainerRuntime(this.clock)
    runtime.exec = this.exec.exec
    const run = hookRunner({
      runtime,
      clock: this.clock,
      log: silentLogger,
      recordEvent: (_, { reason, message }) => void this.events.push(`${reason} ${message}`),
    })
    const key = { pod: { namespace: 'ns', name: 'pod', uid: 'u' }, name: 'main', attempt: 0 }
    const order = { key, kind: 'preStop', pod: buildPod(), spec: buildContainer(), podIP } as const
    await run(handler, order, this.lifetime.signal)
  }
}

test('a command is run as it is, without expansion, and fails with its exit code', async () => {
  const world = new World()
  await world.run({ exec: { command: ['echo', '$(HOME)'] } })
  assert.deepEqual(world.exec.calls[0]?.command, ['echo', '$(HOME)'])
  world.exec.answer = () => 2
  world.exec.output = 'secret'
  await assert.rejects(world.run({ exec: { command: ['x'] } }), {
    message: 'its command exited with 2',
  })
})

test('a command takes as long as it likes, and ends with its signal', async () => {
  const world = new World()
  world.exec.answer = () => 'hang'
  const running = world.run({ exec: { command: ['x'] } })
  await world.clock.advance(10 * 3_600_000)
  world.lifetime.abort(new Error('time is up'))
  await assert.rejects(running, { message: 'time is up' })
})

test('a pause lasts its seconds, and none is none', async () => {
  const world = new World()
  const pause = world.run({ sleep: { seconds: 5 } })
  await world.clock.advance(0)
  assert.equal(world.clock.nextInMs, 5000)
  await world.clock.advance(5000)
  await pause
  const none = world.run({ sleep: { seconds: 0 } })
  await world.clock.advance(0)
  await none
})

test('any answer is a success, on the pod’s address with a kubelet’s headers', async () => {
  await using server = await listen(500)
  const world = new World()
  await world.run({ httpGet: { port: server.port, path: '/x' } })
  assert.deepEqual(server.asked, ['/x kube-lifecycle/1.36 undefined'])
  await assert.rejects(world.run({ httpGet: { port: server.port } }, '127.9.9.9'), /refused/)
})

test('TLS that is answered in clear is asked for again in clear, without the credentials', async () => {
  await using server = await listen(200)
  const world = new World()
  const httpHeaders = [{ name: 'authorization', value: 'Bearer x' }]
  const { port } = server
  await world.run({ httpGet: { port, path: '/x', scheme: 'HTTPS', httpHeaders } })
  assert.deepEqual(server.asked, ['/x kube-lifecycle/1.36 undefined'])
  assert.deepEqual(world.events, [
    `LifecycleHTTPFallback request to HTTPS lifecycle hook ${host}:${port} got HTTP response, retry with HTTP succeeded`,
  ])
})

test('a handler without an action is a failure', async () => {
  await assert.rejects(new World().run({}), /names no action/)
})

async function listen(status: number) {
  const asked: string[] = []
  const server = createServer(({ url, headers }, response) => {
    asked.push(`${url} ${headers['user-agent']} ${headers.authorization}`)
    response.writeHead(status).end()
  }).listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
