// SPDX-License-Identifier: Apache-2.0
// Joins a client to a process: input one way, output and sizes the other, and at the end how it went. The
// order matters to clients: all output, its end, then the outcome, then the end of the connection.
import type { Readable, Writable } from 'node:stream'
import type { ProcessStreams } from '../../../provider/streams.ts'
import { untilAborted } from '../../../util/until-aborted.ts'
import { messageOf } from '../../../util/vk-error.ts'
import type { CommandConnection, Outcome } from './command-connection.ts'

export interface ServeCommandOptions {
  /** Starts the process, or attaches to it; its streams end when `signal` aborts. */
  readonly start: () => Promise<ProcessStreams>
  /** Begins the message when `start` fails, such as `error executing command in container`. */
  readonly failureIs: string
  /** False: however the process ended, the outcome is a success. */
  readonly reportsExit: boolean
  /** Aborts when the client's connection is over or the server closes. */
  readonly signal: AbortSignal
}

/** Serves one client until the process has ended or the client is gone; never rejects. */
export async function serveCommand(
  connection: CommandConnection,
  { start, failureIs, reportsExit, signal }: ServeCommandOptions,
): Promise<void> {
  try {
    const outcome = await runProcess(connection, { start, reportsExit, signal })
    await connection.finish(outcome)
  } catch (error) {
    if (signal.aborted) {
      await connection.finish({ kind: 'failure', message: messageOf(signal.reason) })
      return
    }
    connection.stdout?.end()
    connection.stderr?.end()
    await connection.finish({ kind: 'failure', message: `${failureIs}: ${messageOf(error)}` })
  }
}

async function runProcess(
  connection: CommandConnection,
  { start, reportsExit, signal }: Omit<ServeCommandOptions, 'failureIs'>,
): Promise<Outcome> {
  const process = await start()
  connection.onResize((size) => process.resize(size))
  if (connection.stdin) pumpInput(connection.stdin, process.stdin, () => connection.endInput())
  const { exitCode } = await untilAborted(
    Promise.all([
      pumpOutput(process.stdout, connection.stdout),
      pumpOutput(process.stderr, connection.stderr),
    ]).then(() => process.exited),
    signal,
  )
  return reportsExit && exitCode !== 0 ? { kind: 'exit', exitCode } : { kind: 'success' }
}

/** What the process does not take is thrown away, so that it never stands in the way of the rest. */
function pumpInput(source: Readable, target: Writable | undefined, refused: () => void): void {
  const discard = (): void => {
    if (target) source.unpipe(target)
    source.resume()
    refused()
  }
  if (!target || target.destroyed) return discard()
  target.once('error', discard)
  target.once('close', discard)
  source.pipe(target)
}

/** Resolves when all output is handed to the client's side, its end included. */
async function pumpOutput(
  source: Readable | undefined,
  target: Writable | undefined,
): Promise<void> {
  if (!target) {
    source?.resume()
    return
  }
  if (!source) {
    target.end()
    return
  }
  // An error is no more than the end.
  source.once('error', () => target.end())
  source.once('close', () => target.writableEnded || target.end())
  source.pipe(target)
  await whenFinished(target)
  if (target.writableFinished) return
  // The client wants no more of it. The process must not wait for that.
  source.unpipe(target)
  source.resume()
}

/** Resolves when all is written or nothing can be any more; node:stream's `finished` costs several times as much. */
async function whenFinished(target: Writable): Promise<void> {
  if (target.writableFinished || target.closed) return
  const { promise, resolve } = Promise.withResolvers<void>()
  target.once('finish', resolve)
  target.once('close', resolve)
  await promise
}
