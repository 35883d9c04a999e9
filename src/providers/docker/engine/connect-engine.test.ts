// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { FakeClock } from '../../../util/fake-clock.ts'
import { connectEngine, type Engine } from './connect-engine.ts'

/** Connects to what answers so to `/version`; nothing else is asked before the version is known to do. */
async function connectTo(
  version: object,
  { silenceMs = 0 }: { readonly silenceMs?: number } = {},
): Promise<Pick<Engine, 'kind' | 'version'>> {
  const clock = new FakeClock()
  const answers = new Map([
    ['/version', version],
    ['/v1.41/info', { MemTotal: 1 }],
  ])
  const server = createServer(({ url = '' }, response) => {
    const answer = answers.get(url.replace(/\?.*/, ''))
    void clock
      .advance(silenceMs)
      .then(() => response.writeHead(answer ? 200 : 404).end(JSON.stringify(answer ?? {})))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const place = { kind: 'tcp', host: '127.0.0.1', port, pathPrefix: '' } as const
  const { signal } = new AbortController()
  try {
    const endpoint = { ...place, where: 'tcp://engine.example', headers: {} }
    await using engine = await connectEngine(endpoint, { clock, signal })
    return { kind: engine.kind, version: engine.version }
  } finally {
    server.close()
    server.closeAllConnections()
  }
}

test('Podman is known by its component, and anything else of the API is Docker', async () => {
  const common = { Version: '4.3.1', ApiVersion: '1.41', Arch: 'amd64' }
  const components = [{ Name: 'Podman Engine', Version: '4.3.1' }]
  const podman = await connectTo({ ...common, Components: components })
  assert.deepEqual(podman, { kind: 'podman', version: '4.3.1' })
  assert.equal((await connectTo({ ...common, Version: '20.10.24' })).kind, 'docker')
  assert.equal((await connectTo({ ...common, ApiVersion: '1.100' })).kind, 'docker')
})

test('an engine that is too old is refused in one line that says what is needed', async () => {
  for (const ApiVersion of ['1.40', '1.4', '0.99']) {
    await assert.rejects(connectTo({ Version: '19.03', ApiVersion, Arch: 'amd64' }), {
      message: `Cannot use the engine at tcp://engine.example: its API is ${ApiVersion} (version 19.03), and 1.41 is needed`,
      hint: 'Docker 20.10 and Podman 4.0 are the oldest that have it.',
    })
  }
})

test('what is no engine is told of as such', async () => {
  const message = 'Cannot use what answers at tcp://engine.example: it is no container engine'
  for (const version of [{}, { ApiVersion: 'latest' }]) {
    await assert.rejects(connectTo(version), { message })
  }
})

test('an engine that is busy has two minutes for its first answers', async () => {
  const version = { Version: '4.3.1', ApiVersion: '1.41', Arch: 'amd64' }
  assert.equal((await connectTo(version, { silenceMs: 110_000 })).version, '4.3.1')
  const message = 'The engine at tcp://engine.example gave no answer for 120 s'
  await assert.rejects(connectTo(version, { silenceMs: 120_000 }), { message, code: 'Timeout' })
})
