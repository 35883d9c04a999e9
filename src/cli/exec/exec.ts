// SPDX-License-Identifier: Apache-2.0
// `virtual-kubelet exec POD -- COMMAND`: a program beside those of the container, with our input, output
// and terminal, for machines without kubectl.
import { ApiError } from '../../kube/api-error.ts'
import { pathOf, pods } from '../../kube/resources.ts'
import type { Status } from '../../kube/types.gen.ts'
import { createPinoLogger } from '../../observe/pino-logger.ts'
import { systemClock } from '../../util/clock.ts'
import { UserError, messageOf } from '../../util/vk-error.ts'
import { openCluster } from '../cluster-choice.ts'
import type { ClusterFlags } from '../cluster-choice.ts'
import { choosePod } from '../pod-argument.ts'
import type { PodChoice } from '../pod-argument.ts'
import { runRemote } from './remote-streams.ts'
import type { TerminalSize } from './remote-streams.ts'

/** Flags of `exec`. */
export interface ExecFlags extends ClusterFlags {
  readonly namespace?: string
  readonly container?: string
  readonly stdin?: boolean
  readonly tty?: boolean
}

/** Runs the command and resolves with its exit code. */
export async function exec(
  podName: string,
  { command, flags }: { readonly command: readonly string[]; readonly flags: ExecFlags },
): Promise<number> {
  const log = createPinoLogger({ level: 'error', format: 'text' })
  await using access = await openCluster(flags, { env: process.env, log })
  const namespace = flags.namespace ?? access.connection.namespace
  const choice = await choosePod(access, { ...flags, pod: podName, namespace })
  const isTty = wantsTerminal(flags)
  using terminal = isTty ? rawTerminal() : undefined
  const path = execPath(choice, { command, stdin: flags.stdin ?? false, tty: isTty })
  try {
    const status = await runRemote(access.connection, {
      path,
      streams: {
        ...(flags.stdin && { stdin: process.stdin }),
        stdout: process.stdout,
        stderr: process.stderr,
      },
      clock: systemClock,
      signal: new AbortController().signal,
      ...(terminal && { onOpen: terminal.follow }),
    })
    return exitCodeOf(status)
  } catch (error) {
    if (error instanceof ApiError) throw new UserError(messageOf(error), { cause: error })
    throw error
  }
}

/** The request for a command in a container. */
export function execPath(
  { pod, container }: PodChoice,
  request: { readonly command: readonly string[]; readonly stdin: boolean; readonly tty: boolean },
): string {
  const { command, stdin, tty } = request
  const { name, namespace } = pod.metadata
  const query = new URLSearchParams()
  for (const word of command) query.append('command', word)
  query.set('container', container)
  query.set('stdout', 'true')
  if (stdin) query.set('stdin', 'true')
  // A terminal has one output for both.
  if (tty) query.set('tty', 'true')
  else query.set('stderr', 'true')
  return `${pathOf(pods, { namespace, name, subresource: 'exec' })}?${query.toString()}`
}

/** What the command ended with; a command that could not be started is the user's to mend. */
export function exitCodeOf({ status, reason, message, details }: Status): number {
  if (status === 'Success') return 0
  const cause = details?.causes?.find((one) => one.reason === 'ExitCode')
  const code = Number(cause?.message)
  if (reason === 'NonZeroExitCode' && Number.isInteger(code)) return code
  throw new UserError(`Cannot exec: ${message ?? reason ?? 'the server gave no reason'}`)
}

function wantsTerminal({ tty, stdin }: ExecFlags): boolean {
  if (!tty) return false
  if (stdin && process.stdin.isTTY) return true
  process.stderr.write('Unable to use a TTY: input is not a terminal, or -i is missing\n')
  return false
}

/** Our terminal hands every key on, Ctrl-C too, until this is disposed of. */
function rawTerminal(): Disposable & {
  readonly follow: (resize: (size: TerminalSize) => void) => void
} {
  const { stdin, stdout } = process
  let onResize: (() => void) | undefined
  stdin.setRawMode(true)
  return {
    follow(resize) {
      onResize = () => resize({ columns: stdout.columns, rows: stdout.rows })
      onResize()
      stdout.on('resize', onResize)
    },
    [Symbol.dispose]: () => {
      stdin.setRawMode(false)
      if (onResize) stdout.off('resize', onResize)
    },
  }
}
