// SPDX-License-Identifier: Apache-2.0
// Runs a command beside a container's program, as the same user, in the same groups and with the same
// view of the files. It ends with its client, and with the container.
import type { Container } from '../../../kube/types.gen.ts'
import type { CallContext } from '../../../provider/provider.ts'
import type { ExecOptions, ProcessStreams } from '../../../provider/streams.ts'
import type { Clock } from '../../../util/clock.ts'
import { VkError } from '../../../util/vk-error.ts'
import type { ContainerProcess } from '../container-process.ts'
import { defaultPath } from '../environment.ts'
import { checkProgram } from '../program.ts'
import type { Surroundings } from '../surroundings.ts'
import { inTerminal } from '../terminal-program.ts'
import { commandLineFor } from './command-line.ts'
import type { CommandLine } from './command-line.ts'
import { readContainerContext } from './container-context.ts'
import { endSession } from './end-session.ts'
import { readOnlyBind } from '../isolation/root-node.ts'
import { hostTree } from '../isolation/file-tree.ts'
import { RootBuilder } from '../isolation/root-builder.ts'
import type { PipePool } from './pipe-pool.ts'
import { startPiped } from './piped-command.ts'
import type { StartedCommand } from './piped-command.ts'
import { startInTerminal } from './terminal-command.ts'

export interface ExecPlaces {
  readonly surroundings: Surroundings
  readonly pipes: PipePool
  readonly clock: Clock
}

/** Starts the command; rejects with a VkError that says why it cannot be. */
export async function execInContainer(
  container: ContainerProcess,
  options: ExecOptions & { readonly spec: Container },
  places: ExecPlaces & Pick<CallContext, 'signal'>,
): Promise<ProcessStreams> {
  const { tty, endsWithCaller = false } = options
  const isLeashed = endsWithCaller && !tty
  const line = await lineFor(container, { ...options, isLeashed }, places.surroundings)
  try {
    places.signal.throwIfAborted()
    const { user } = container.launch.record
    const { pipes } = places
    const started = tty
      ? await startInTerminal(line, { user })
      : await startPiped(line, { choice: options, user, pipes, isLeashed })
    endInTime(started, container, { line, places })
    return started.streams
  } catch (error) {
    line[Symbol.dispose]()
    throw error
  }
}

interface CommandInWords extends ExecOptions {
  readonly spec: Container
  readonly isLeashed: boolean
}

/** The command as it is started, once it is known to be one that can run there. */
async function lineFor(
  container: ContainerProcess,
  { command: [name, ...args], spec, tty, isLeashed }: CommandInWords,
  surroundings: Surroundings,
): Promise<CommandLine> {
  if (name === undefined) throw new VkError('Invalid', 'you must specify a command')
  if (process.platform !== 'linux') {
    throw new VkError('Unsupported', 'commands can be run in containers on Linux only')
  }
  const { env, workingDir } = await readContainerContext(container)
  const { user } = container.launch.record
  const program = { argv: [name, ...args], workingDir } as const
  const view = await viewOf(container)
  await checkProgram(program, { searchPath: env.get('PATH') ?? defaultPath, user, view })
  const variables = tty ? new Map([['TERM', 'xterm'], ...env]) : env
  const script = tty ? terminalInside(container, surroundings) : undefined
  const shown = script === undefined ? program : inTerminal(program, script)
  const request = { program: shown, env: variables, spec, isLeashed }
  return await commandLineFor(container, request, surroundings)
}

/** The command ends with its client and with its container, and what it was started by goes with it. */
function endInTime(
  { pid, streams }: StartedCommand,
  container: ContainerProcess,
  {
    line,
    places: { clock, signal },
  }: {
    readonly line: CommandLine
    readonly places: Pick<ExecPlaces, 'clock'> & Pick<CallContext, 'signal'>
  },
): void {
  let isOver = false
  const end = (): void => void endSession(pid, { clock, isOver: () => isOver })
  const companion = container.endWith(end)
  signal.addEventListener('abort', end, { once: true })
  if (signal.aborted) end()
  void streams.exited.finally(() => {
    isOver = true
    signal.removeEventListener('abort', end)
    companion[Symbol.dispose]()
    line[Symbol.dispose]()
  })
}

/**
 * The terminal that we make is one of the host's, without a name in a sandbox. What holds another one in there
 * gives the command one with a name, where the container has terminals at all.
 */
function terminalInside(
  { isSandboxed, launch: { record } }: ContainerProcess,
  { tools, own }: Surroundings,
): string | undefined {
  const hasTerminals = isSandboxed && own.uid === 0 && record.sandbox?.hasKit !== true
  return hasTerminals ? tools.script : undefined
}

/** A container's root as it finds it itself; undefined where it sees the host's. */
async function viewOf(container: ContainerProcess): Promise<RootBuilder | undefined> {
  const found = container.isSandboxed ? await container.program() : undefined
  // The dot makes a directory of the link.
  return found && new RootBuilder(readOnlyBind(`/proc/${found.inside.pid}/root/.`), hostTree)
}
