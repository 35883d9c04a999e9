// SPDX-License-Identifier: Apache-2.0
// The checks of streams fail where they should: each provider here has one fault, on real processes.
import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { describe, test } from 'node:test'
import type { PodProvider } from '../provider/provider.ts'
import type { ProcessStreams } from '../provider/streams.ts'
import { providerModule } from '../providers/process/provider.ts'
import type { ConformanceOptions, Workload } from './conformance-options.ts'
import { conformanceChecks, runCheck } from './provider-conformance.ts'

type Streams = Pick<PodProvider, 'exec' | 'attach' | 'portForward'>
type Fault = (provider: PodProvider) => Streams

const host = (...command: string[]): Workload => ({ container: { image: 'host', command } })
const server = `require('node:net').createServer((socket) => socket.pipe(socket)).listen(process.argv[1], '127.0.0.1')`

function faulty(fault: Fault): ConformanceOptions {
  return {
    name: 'faulty',
    timeoutMs: 3000,
    open: async (given) => {
      const provider = await providerModule.create({ isolation: 'none' }, given)
      return Object.assign(provider, fault(provider))
    },
    workloads: {
      running: () => host('sleep', '600'),
      exiting: () => host('true'),
      shell: (script) => ['sh', '-c', script],
      echoing: () => {
        const { container } = host('cat')
        return { container: { ...container, stdin: true } }
      },
      listening: (port) => host(process.execPath, '-e', server, String(port)),
    },
  }
}

/** Exec with something done to its streams. */
function execAs(
  provider: PodProvider,
  change: (streams: ProcessStreams) => Partial<ProcessStreams>,
): Streams {
  const exec = provider.exec?.bind(provider)
  return {
    async exec(...call) {
      const streams = await exec?.(...call)
      assert.ok(streams)
      return { ...streams, resize: (size) => streams.resize(size), ...change(streams) }
    },
  }
}

const faults: readonly (readonly [fault: string, foundBy: RegExp, make: Fault])[] = [
  [
    'calls every exit a success',
    /exit code come back/,
    (provider) =>
      execAs(provider, ({ exited }) => ({ exited: exited.then(() => ({ exitCode: 0 })) })),
  ],
  [
    'never ends the input',
    /exit code come back/,
    (provider) =>
      execAs(provider, ({ stdin }) => {
        const open = new PassThrough()
        if (stdin) open.pipe(stdin, { end: false })
        return { stdin: open }
      }),
  ],
  [
    'lets commands of clients run on that have left',
    /a client that leaves ends its command/,
    (provider) => {
      const exec = provider.exec?.bind(provider)
      return {
        async exec(ref, container, options, { log }) {
          const streams = await exec?.(ref, container, options, {
            signal: new AbortController().signal,
            log,
          })
          assert.ok(streams)
          return streams
        },
      }
    },
  ],
  [
    'forwards to whoever listens on any port of its own',
    /a port where nobody listens is refused/,
    () => ({ portForward: () => Promise.resolve(new PassThrough()) }),
  ],
  [
    'attaches each client to something of its own',
    /its answer everybody who is attached/,
    () => ({
      attach: () => {
        const echo = new PassThrough()
        const exited = new Promise<{ exitCode: number }>(() => {})
        return Promise.resolve({ stdin: echo, stdout: echo, resize: () => {}, exited })
      },
    }),
  ],
]

const skip = process.platform !== 'linux' && 'processes are run on Linux only'

// Most wait to the end for what never comes: all at the same time.
describe('conformance of streams', { skip, concurrency: true }, () => {
  for (const [fault, foundBy, make] of faults) {
    test(`a provider that ${fault} is found out`, async () => {
      const check = conformanceChecks.find(({ title }) => foundBy.test(title))
      assert.ok(check)
      await assert.rejects(runCheck(check, faulty(make)))
    })
  }
})
