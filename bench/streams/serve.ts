// SPDX-License-Identifier: Apache-2.0
//
// Our kubelet API with a provider that only copies bytes, as `streams serve` does with the Go project's; or,
// with the argument `processes`, with the process provider. Prints its port.
import { PassThrough, Readable } from 'node:stream'
import type { LogBatch } from '../../src/provider/log-feed.ts'
import type { PodProvider } from '../../src/provider/provider.ts'
import type { ProcessStreams, StreamChoice } from '../../src/provider/streams.ts'
import { startKubelet } from '../../test/support/kubelet-fixture.ts'
import { podWith, stubNode } from '../../test/support/kubelet-stubs.ts'
import { startProcessPod } from './process-pod.ts'

const PIECE = Buffer.alloc(64 * 1024)
const LINE = Buffer.from(`${'0123456789'.repeat(8).slice(0, 79)}\n`)
const LINES = 1000
/** As it is read from a file. */
const block = Buffer.concat(Array.from({ length: LINES }, () => LINE))
const batch: LogBatch = {
  isLive: false,
  block,
  entries: Array.from({ length: LINES }, (_, i) => ({
    timeMs: 0,
    stream: 'stdout',
    bytes: block.subarray(i * LINE.length, (i + 1) * LINE.length),
  })),
}

const pod = podWith('web', [{ state: { running: {} } }])
const inMemory: Partial<PodProvider> = {
  exec: async (_ref, _container, { command, ...choice }) => run(command, choice),
  portForward: async () => new PassThrough({ highWaterMark: 256 * 1024 }),
  logs: lines,
}
const processPod = process.argv[2] === 'processes' ? await startProcessPod(pod) : undefined
const kubelet = await startKubelet({ node: stubNode([pod], processPod?.methods ?? inMemory) })
console.log(kubelet.port)
// A profile is written at an exit of one's own.
process.once('SIGTERM', () => void end())

async function end(): Promise<void> {
  await processPod?.end()
  process.exit()
}

function run([name, count]: readonly string[], { stdin }: StreamChoice): ProcessStreams {
  const input = stdin ? new PassThrough({ highWaterMark: 256 * 1024 }) : undefined
  const stdout =
    name === 'true'
      ? new Readable({ read: endAtOnce })
      : Readable.from(output(name, { count: Number(count), input }), { objectMode: false })
  const exited = new Promise<{ exitCode: number }>((resolve) => {
    stdout.once('close', () => resolve({ exitCode: 0 }))
  })
  return { ...(input && { stdin: input }), stdout, resize: () => {}, exited }
}

function endAtOnce(this: Readable): void {
  this.push(null)
}

async function* output(
  name: string | undefined,
  { count, input }: { readonly count: number; readonly input: PassThrough | undefined },
): AsyncGenerator<Buffer> {
  if (name === 'zero') {
    for (let left = count; left > 0; left -= PIECE.length) yield PIECE.subarray(0, left)
  } else if (input) {
    let received = 0
    for await (const piece of input as AsyncIterable<Buffer>) received += piece.length
    if (name === 'count') yield Buffer.from(String(received))
  }
}

async function* lines(): AsyncGenerator<LogBatch> {
  for (;;) yield batch
}
