// SPDX-License-Identifier: Apache-2.0
// Conformance: connections to ports of pods.
import assert from 'node:assert/strict'
import type { Pod } from '../kube/types.gen.ts'
import type { PortConnection } from '../provider/streams.ts'
import { silentLogger } from '../util/logger.ts'
import type { Check } from './check.ts'
import { freePort } from './free-port.ts'
import { StreamOutput } from './stream-output.ts'
import { refOf, type ProviderFixture } from './provider-fixture.ts'

type CheckArguments = Parameters<Check['run']>

const needs = { needsMethod: 'portForward', needsWorkload: 'listening' } as const

/** Checks of port-forward. */
export const portChecks: readonly Check[] = [
  {
    title: 'a port takes bytes and gives bytes, and its end comes after ours',
    ...needs,
    async run(...[fixture, options]) {
      const { pod, port } = await listening(fixture, options)
      const connection = await connected(fixture, pod, port)
      const output = new StreamOutput(connection, fixture.timeoutMs)
      const sent = Buffer.from(Array.from({ length: 1_000_000 }, (_, i) => i % 251))
      connection.end(sent)
      await output.toEnd()
      assert.ok(output.bytes.equals(sent), `${output.bytes.length} of ${sent.length} came back`)
    },
  },
  {
    title: 'connections to a port run side by side and do not mix',
    ...needs,
    async run(...[fixture, options]) {
      const { pod, port } = await listening(fixture, options)
      await connected(fixture, pod, port)
      const names = Array.from({ length: 10 }, (_, i) => `connection ${i}`)
      const answers = await Promise.all(
        names.map(async (name) => {
          const connection = await connected(fixture, pod, port)
          const output = new StreamOutput(connection, fixture.timeoutMs)
          connection.end(name)
          return await output.toEnd()
        }),
      )
      assert.deepEqual(answers, names)
    },
  },
  {
    title: 'a connection ends with its client',
    ...needs,
    async run(...[fixture, options]) {
      const { pod, port } = await listening(fixture, options)
      const client = new AbortController()
      const connection = await connected(fixture, pod, port, client.signal)
      const output = new StreamOutput(connection, fixture.timeoutMs)
      connection.write('hello')
      await output.until(/hello/)
      client.abort()
      await output.toEnd()
    },
  },
  {
    title: 'a port where nobody listens is refused, and so are the ports of an unknown pod',
    ...needs,
    async run(...[fixture, options]) {
      const { pod, port } = await listening(fixture, options)
      await connected(fixture, pod, port)
      await assert.rejects(connect(fixture, pod, await freePort()))
      await assert.rejects(connect(fixture, fixture.pod(options.workloads.running()), port))
    },
  },
]

async function listening(
  ...[fixture, { workloads }]: CheckArguments
): Promise<{ readonly pod: Pod; readonly port: number }> {
  const port = await freePort()
  const workload = workloads.listening?.(port)
  assert.ok(workload)
  const pod = fixture.pod(workload)
  await fixture.run(pod)
  return { pod, port }
}

async function connect(
  { provider, over }: ProviderFixture,
  pod: Pod,
  port: number,
  signal: AbortSignal = over,
): Promise<PortConnection> {
  const context = { signal, log: silentLogger }
  const connection = await provider.portForward?.(refOf(pod), port, context)
  assert.ok(connection)
  connection.on('error', () => {})
  return connection
}

/** A container that runs may listen a moment later. */
async function connected(
  fixture: ProviderFixture,
  pod: Pod,
  port: number,
  signal?: AbortSignal,
): Promise<PortConnection> {
  const untilMs = performance.now() + fixture.timeoutMs
  for (;;) {
    try {
      return await connect(fixture, pod, port, signal)
    } catch (error) {
      if (performance.now() > untilMs) throw error
      await fixture.host.clock.sleep(20)
    }
  }
}
