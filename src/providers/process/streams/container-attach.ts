// SPDX-License-Identifier: Apache-2.0
// Attaches to a container's program: its output files are followed from now on, and what the client types
// goes into the pipe that it reads. Nothing of it needs to be prepared, so it works after our restarts.
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import type { Writable } from 'node:stream'
import type { Container } from '../../../kube/types.gen.ts'
import type { ProcessStreams, StreamChoice } from '../../../provider/streams.ts'
import { stderrFileName, stdoutFileName } from '../../../runtime/container-runtime.ts'
import { followOutput } from '../../../runtime/follow-output.ts'
import type { Clock } from '../../../util/clock.ts'
import { endInput, openInput } from '../container-input.ts'
import type { ContainerProcess } from '../container-process.ts'
import { TerminalResizer } from './terminal-resizer.ts'

export interface AttachOptions extends StreamChoice {
  readonly spec: Container
  /** Where the output files are. */
  readonly attemptDir: string
}

/** The streams of a container that runs. */
export async function attachToContainer(
  container: ContainerProcess,
  { attemptDir, spec, stdin, stdout, stderr }: AttachOptions,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<ProcessStreams> {
  const { dir } = container.launch
  const ended = new AbortController()
  const companion = container.endWith(() => ended.abort())
  signal.addEventListener('abort', () => companion[Symbol.dispose](), { once: true })
  const follow = { clock, ended: ended.signal, signal }
  const [out, err] = await Promise.all([
    stdout ? followOutput(join(attemptDir, stdoutFileName), follow) : undefined,
    stderr && !spec.tty ? followOutput(join(attemptDir, stderrFileName), follow) : undefined,
  ])
  const resizer = new TerminalResizer(container, clock)
  const input = stdin ? inputOf(dir, { isOnce: spec.stdinOnce === true, signal }) : undefined
  return {
    ...(out && { stdout: out }),
    ...(err && { stderr: err }),
    ...(input && { stdin: input }),
    resize(size) {
      if (spec.tty === true) resizer.resize(size)
    },
    exited: container.ended.then(() => ({ exitCode: 0 })),
  }
}

/** With stdinOnce the first client's leaving is the end of the container's input. */
function inputOf(
  dir: string,
  { isOnce, signal }: { readonly isOnce: boolean; readonly signal: AbortSignal },
): Writable | undefined {
  const target = openInput(dir)
  if (!target) return undefined
  target.on('error', () => {})
  const input = new PassThrough()
  const end = (): void => {
    target.end()
    if (isOnce) endInput(dir)
  }
  input.pipe(target, { end: false })
  input.once('end', end)
  target.once('close', () => input.destroy())
  signal.addEventListener('abort', end, { once: true })
  return input
}
