// SPDX-License-Identifier: Apache-2.0
//
// The process provider with the pod that is measured: programs of this host do what the other servers do in
// memory, so that a row here has the price of a process, of pipes and of a socket in it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Pod } from '../../src/kube/types.gen.ts'
import type { CallContext, PodProvider, PodRef, ProviderHost } from '../../src/provider/provider.ts'
import { providerModule } from '../../src/providers/process/provider.ts'
import { requestFor } from '../../src/testing/provider-fixture.ts'
import { systemClock } from '../../src/util/clock.ts'
import { silentLogger } from '../../src/util/logger.ts'

const LOG_BYTES = 8e6
const LINE = '0123456789'.repeat(8).slice(0, 79)
const ECHO = `
  const server = require('node:net').createServer((socket) => socket.pipe(socket))
  server.listen(0, '127.0.0.1', () => console.log('port ' + server.address().port))
`
const patient: CallContext = { signal: new AbortController().signal, log: silentLogger }

/** What the commands of the bench are as programs. */
const programs: Readonly<Record<string, (count: string) => readonly string[]>> = {
  zero: (count) => ['head', '-c', count, '/dev/zero'],
  count: () => ['wc', '-c'],
  wait: () => ['cat'],
  true: () => ['true'],
}

export interface ProcessPod {
  /** Like the provider's, but for the commands and the port of the bench. */
  readonly methods: Pick<PodProvider, 'exec' | 'logs' | 'portForward'>
  /** Ends the pod and removes its folder, at once. */
  end(): Promise<void>
}

/** Starts the containers of `pod` and waits until they have written their log and listen. */
export async function startProcessPod({ metadata, spec }: Pod): Promise<ProcessPod> {
  const rootDir = mkdtempSync(join(tmpdir(), 'vk-bench-'))
  const provider = await providerModule.create({ isolation: 'none' }, hostOf(rootDir))
  const script = `yes ${LINE} | head -c ${LOG_BYTES}; exec ${process.execPath} -e "$ECHO"`
  const env = [{ name: 'ECHO', value: ECHO }]
  const containers = spec.containers.map((container) => ({
    ...container,
    image: 'host',
    command: ['sh', '-c', script],
    env,
  }))
  const request = requestFor({ metadata, spec: { ...spec, containers } })
  await provider.createPod(request, patient)
  const { name, namespace, uid } = metadata
  const ref = { name, namespace, uid }
  const port = await portOf(provider, { ref, container: containers[0]?.name ?? '' })
  return {
    methods: {
      exec: async (_ref, container, { command: [word = '', count = ''], ...choice }, context) => {
        const command = programs[word]?.(count) ?? [word]
        return await offered(provider.exec?.(ref, container, { ...choice, command }, context))
      },
      portForward: async (_ref, _port, context) =>
        await offered(provider.portForward?.(ref, port, context)),
      logs: (_ref, ...rest) => provider.logs(ref, ...rest),
    },
    async end() {
      await provider.deletePod(ref, { gracePeriodSeconds: 0 }, patient)
      await provider[Symbol.asyncDispose]()
      rmSync(rootDir, { recursive: true, force: true })
    },
  }
}

/** The port that the container says it listens on, once it does. */
async function portOf(
  provider: PodProvider,
  { ref, container }: { readonly ref: PodRef; readonly container: string },
): Promise<number> {
  const query = { previous: false, follow: false }
  for (;;) {
    const feed = provider.logs(ref, container, query, patient)
    try {
      for await (const { entries } of feed) {
        for (const { bytes } of entries) {
          const [, port] = /^port (\d+)/.exec(Buffer.from(bytes).toString('latin1')) ?? []
          if (port !== undefined) return Number(port)
        }
      }
    } catch {
      // It has not started yet.
    }
    await setTimeout(50)
  }
}

function hostOf(rootDir: string): ProviderHost {
  return {
    nodeName: 'node-1',
    clusterId: 'bench',
    nodeIPs: ['127.0.0.1'],
    os: 'linux',
    rootDir,
    protectedDir: rootDir,
    clock: systemClock,
    log: silentLogger,
    recordEvent: () => {},
  }
}

function offered<T>(call: T | undefined): T {
  if (call === undefined) throw new Error('The process provider lacks a method')
  return call
}
