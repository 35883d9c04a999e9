// SPDX-License-Identifier: Apache-2.0
// A command with a terminal of its own. The pseudo terminal comes from an optional package, which is
// loaded when the first one is asked for.
import { chown } from 'node:fs/promises'
import { PassThrough, Writable } from 'node:stream'
import type { IPty, spawn as spawnTerminal } from '@lydell/node-pty'
import type { ProcessExit } from '../../../provider/streams.ts'
import { messageOf, VkError } from '../../../util/vk-error.ts'
import type { RunUser } from '../users.ts'
import type { CommandLine } from './command-line.ts'
import type { StartedCommand } from './piped-command.ts'

const packageName = '@lydell/node-pty'
/** Output that waits for the client; beyond it the terminal is not read, and the program waits. */
const maxPendingBytes = 1024 * 1024
/** What a terminal takes for the end of input. */
const endOfInput = Buffer.from([4])

/** What the package's own types leave out. */
interface Terminal extends IPty {
  readonly ptsName: string
  readonly _socket: Writable
}

/** Starts it in a new terminal that belongs to `user`. */
export async function startInTerminal(
  { file, args }: CommandLine,
  { user }: { readonly user: RunUser },
): Promise<StartedCommand> {
  const spawn = await loadSpawn()
  let terminal: Terminal
  try {
    terminal = spawn(file, [...args], {
      name: 'xterm',
      cwd: '/',
      env: {},
      encoding: null,
    }) as Terminal
  } catch (cause) {
    throw new VkError('Unavailable', `Cannot start process: ${messageOf(cause)}`, { cause })
  }
  // Before anything is waited for: what a quick command says, and its end, are told once.
  const stdout = outputOf(terminal)
  const exited = new Promise<ProcessExit>((resolve) => {
    terminal.onExit(({ exitCode, signal }) => {
      stdout.end()
      resolve({ exitCode: signal ? 128 + signal : exitCode })
    })
  })
  if (user.uid !== process.getuid?.()) {
    // Programs open their terminal anew, which asks for the right. Where that fails they have one still.
    await chown(terminal.ptsName, user.uid, user.gid).catch(() => {})
  }
  return {
    pid: terminal.pid,
    streams: {
      stdin: inputOf(terminal),
      stdout,
      resize: ({ width, height }) => resize(terminal, width, height),
      exited,
    },
  }
}

async function loadSpawn(): Promise<typeof spawnTerminal> {
  try {
    const { spawn } = await import('@lydell/node-pty')
    return spawn
  } catch (cause) {
    throw new VkError(
      'Unsupported',
      `a terminal needs the package ${packageName}: npm install ${packageName}`,
      { cause },
    )
  }
}

function outputOf(terminal: Terminal): PassThrough {
  const output = new PassThrough({ readableHighWaterMark: maxPendingBytes })
  // The package hands out bytes when it is given no encoding, whatever its types say.
  terminal.onData((data: string | Uint8Array) => {
    if (output.writableEnded || output.destroyed) return
    if (!output.write(data)) terminal.pause()
  })
  output.on('drain', () => terminal.resume())
  output.once('close', () => terminal.resume())
  return output
}

function inputOf(terminal: Terminal): Writable {
  const socket = terminal._socket
  const write = (bytes: Buffer, done: (error?: Error | null) => void): void => {
    if (socket.destroyed) return done()
    // Called back when the terminal has taken it; a program that does not read makes the client wait.
    socket.write(bytes, () => done())
  }
  return new Writable({
    write: (bytes: Buffer, _encoding, done) => write(bytes, done),
    final: (done) => write(endOfInput, done),
  })
}

function resize(terminal: Terminal, width: number, height: number): void {
  try {
    terminal.resize(width, height)
  } catch {
    // The terminal has closed a moment ago.
  }
}
