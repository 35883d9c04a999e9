// SPDX-License-Identifier: Apache-2.0
// A command without a terminal: three pipes, of which those that nobody asked for lead to /dev/null.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import type { ProcessExit, ProcessStreams, StreamChoice } from '../../../provider/streams.ts'
import { messageOf, VkError } from '../../../util/vk-error.ts'
import type { CommandLine } from './command-line.ts'

/** A command that was started. */
export interface StartedCommand {
  readonly pid: number
  readonly streams: ProcessStreams
}

/** Starts it in a session of its own; rejects when it cannot be started at all. */
export async function startPiped(
  { file, args, env }: CommandLine,
  choice: StreamChoice,
): Promise<StartedCommand> {
  const pipe = (isWanted: boolean): 'pipe' | 'ignore' => (isWanted ? 'pipe' : 'ignore')
  const child = spawn(file, args, {
    cwd: '/',
    env,
    detached: true,
    stdio: [pipe(choice.stdin), pipe(choice.stdout), pipe(choice.stderr)],
  })
  const exited = new Promise<ProcessExit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ exitCode: code ?? 128 + numberOf(signal) }))
  })
  try {
    await once(child, 'spawn')
  } catch (cause) {
    throw new VkError('Unavailable', `Cannot start process: ${messageOf(cause)}`, { cause })
  }
  const { stdin, stdout, stderr } = child
  for (const stream of [stdin, stdout, stderr]) stream?.on('error', () => {})
  return {
    pid: child.pid ?? 0,
    streams: {
      ...(stdin && { stdin }),
      ...(stdout && { stdout }),
      ...(stderr && { stderr }),
      resize: () => {},
      exited,
    },
  }
}

function numberOf(signal: NodeJS.Signals | null): number {
  return signal === null ? 0 : constants.signals[signal]
}
