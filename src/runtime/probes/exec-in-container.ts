// SPDX-License-Identifier: Apache-2.0
// Runs a command in a container to its end, for probes and hooks, and keeps the beginning of what it
// says. The process ends with the signal.
import type { Readable } from 'node:stream'
import type { Container, Pod } from '../../kube/types.gen.ts'
import type { CallContext } from '../../provider/provider.ts'
import type { ProcessStreams } from '../../provider/streams.ts'
import type { Clock } from '../../util/clock.ts'
import { untilAborted } from '../../util/until-aborted.ts'
import { VkError } from '../../util/vk-error.ts'
import type { ContainerKey, ContainerRuntime } from '../container-runtime.ts'
import { OutputHead } from './output-head.ts'

export interface ExecCommand {
  readonly key: ContainerKey
  readonly pod: Pod
  readonly spec: Container
  readonly command: readonly string[]
  /** See ExecOptions. */
  readonly endsWithCaller?: boolean
}

export interface ExecMeans {
  readonly runtime: ContainerRuntime
  readonly clock: Clock
  /** So much is kept of what a command says that fails. */
  readonly maxOutputBytes: number
}

export interface ExecResult {
  readonly exitCode: number
  /** Of a command that failed: both outputs as they came, not more than was asked for. */
  readonly output: string
}

/** Whoever has inherited the outputs of a command that is over is not waited for. */
const lastOutputMs = 100

/** Rejects when the command cannot be started, or with the signal's reason. */
export async function execInContainer(
  { command, endsWithCaller = false, ...container }: ExecCommand,
  { runtime, clock, maxOutputBytes }: ExecMeans,
  context: CallContext,
): Promise<ExecResult> {
  if (!runtime.exec) throw new VkError('Unsupported', 'this runtime runs no commands in containers')
  const { signal } = context
  const { key, pod, spec } = container
  const choice = { stdin: false, stdout: true, stderr: true, tty: false }
  const options = { ...choice, command, pod, spec, endsWithCaller }
  const process = await started(runtime.exec(key, options, context), signal)
  const output = new OutputHead(maxOutputBytes)
  const ends = [process.stdout, process.stderr].map((stream) => take(stream, output))
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    signal.throwIfAborted()
    const { exitCode } = await Promise.race([process.exited, aborted])
    if (exitCode === 0) return { exitCode, output: '' }
    const late = Promise.withResolvers<void>()
    using _timer = clock.setTimer(lastOutputMs, late.resolve)
    await Promise.race([Promise.all(ends), late.promise, aborted])
    return { exitCode, output: output.text }
  } finally {
    signal.removeEventListener('abort', onAbort)
    leave(process)
  }
}

/** A runtime that hangs is not waited for; what it starts after all ends with the signal. */
async function started(
  starting: Promise<ProcessStreams>,
  signal: AbortSignal,
): Promise<ProcessStreams> {
  try {
    return await untilAborted(starting, signal)
  } catch (error) {
    void starting.then(leave, () => {})
    throw error
  }
}

function leave({ stdout, stderr }: ProcessStreams): void {
  stdout?.destroy()
  stderr?.destroy()
}

/** Resolves with the stream's end. */
async function take(stream: Readable | undefined, output: OutputHead): Promise<void> {
  if (!stream) return
  const { promise, resolve } = Promise.withResolvers<void>()
  stream.on('data', (chunk: Buffer) => output.add(chunk))
  for (const event of ['end', 'error', 'close']) stream.once(event, () => resolve())
  await promise
}
