// SPDX-License-Identifier: Apache-2.0
// A command without a terminal: three pipes, of which those that nobody asked for lead to /dev/null.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync } from 'node:fs'
import { constants } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import type { ProcessExit, ProcessStreams, StreamChoice } from '../../../provider/streams.ts'
import { messageOf, VkError } from '../../../util/vk-error.ts'
import type { RunUser } from '../users.ts'
import { leashWord } from './command-line.ts'
import type { CommandLine } from './command-line.ts'
import type { ChildPipe, PipePool } from './pipe-pool.ts'

/** A command that was started. */
export interface StartedCommand {
  readonly pid: number
  readonly streams: ProcessStreams
}

export interface PipedOptions {
  readonly choice: StreamChoice
  readonly user: RunUser
  readonly pipes: PipePool
  /** It ends with us: its stage reads descriptor 4, see command-line.ts. */
  readonly isLeashed: boolean
}

/** Starts it in a session of its own; rejects when it cannot be started at all. */
export async function startPiped(
  { file, args }: CommandLine,
  options: PipedOptions,
): Promise<StartedCommand> {
  const opened: ChildPipe<Readable | Writable>[] = []
  try {
    const { stdin, stdout, stderr, leash } = await openPipes(options, opened)
    const ends = [stdin, stdout, stderr].map((pipe) => pipe?.childEnd ?? 'ignore')
    // Descriptor 3 is opened by the stage itself.
    const more = leash ? (['ignore', leash.childEnd] as const) : []
    const { pid, exited } = await spawnWith([...ends, ...more], { file, args })
    if (leash) void exited.then(() => leash.stream.end(leashWord))
    return {
      pid,
      streams: {
        ...(stdin && { stdin: stdin.stream }),
        ...(stdout && { stdout: stdout.stream }),
        ...(stderr && { stderr: stderr.stream }),
        resize: () => {},
        exited,
      },
    }
  } catch (cause) {
    for (const { stream } of opened) stream.destroy()
    if (cause instanceof VkError) throw cause
    throw new VkError('Unavailable', `Cannot start process: ${messageOf(cause)}`, { cause })
  } finally {
    for (const { childEnd } of opened) closeSync(childEnd)
  }
}

interface CommandPipes {
  readonly stdin: ChildPipe<Writable> | undefined
  readonly stdout: ChildPipe<Readable> | undefined
  readonly stderr: ChildPipe<Readable> | undefined
  readonly leash: ChildPipe<Writable> | undefined
}

/** Those that are wanted; each is in `opened` as soon as it is open. */
async function openPipes(
  { choice, user, pipes, isLeashed }: PipedOptions,
  opened: ChildPipe<Readable | Writable>[],
): Promise<CommandPipes> {
  const open = async <T extends Readable | Writable>(
    isWanted: boolean,
    make: () => Promise<ChildPipe<T>>,
  ): Promise<ChildPipe<T> | undefined> => {
    if (!isWanted) return undefined
    const pipe = await make()
    pipe.stream.on('error', () => {})
    opened.push(pipe)
    return pipe
  }
  return {
    stdin: await open(choice.stdin, () => pipes.openInput(user)),
    stdout: await open(choice.stdout, () => pipes.openOutput(user)),
    stderr: await open(choice.stderr, () => pipes.openOutput(user)),
    leash: await open(isLeashed, () => pipes.openInput(ourselves())),
  }
}

/** The command's user is not to write to it. */
function ourselves(): RunUser {
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0]
  return { uid, gid, supplementalGroups: [] }
}

async function spawnWith(
  stdio: ('ignore' | number)[],
  { file, args }: { readonly file: string; readonly args: readonly string[] },
): Promise<{ readonly pid: number; readonly exited: Promise<ProcessExit> }> {
  const child = spawn(file, args, { cwd: '/', env: {}, detached: true, stdio })
  const exited = new Promise<ProcessExit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ exitCode: code ?? 128 + numberOf(signal) }))
  })
  await once(child, 'spawn')
  return { pid: child.pid ?? 0, exited }
}

function numberOf(signal: NodeJS.Signals | null): number {
  return signal === null ? 0 : constants.signals[signal]
}
