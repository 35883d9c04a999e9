// SPDX-License-Identifier: Apache-2.0
//
// A program that a test started: its log goes to a file, its end is a promise, and whoever disposes
// of it knows that it is gone.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** How a program ended: exactly one of the two is not null. */
export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A running program, or one that has ended. */
export interface Component extends AsyncDisposable {
  readonly name: string
  readonly pid: number
  /** Standard output and standard error, in the order of writing. */
  readonly logFile: string
  /** Settles when the program has ended; never rejects. */
  readonly exited: Promise<Exit>
  hasExited(): boolean
  /** The log so far. */
  log(): string
  /** Sends a signal; nothing happens if the program has ended. */
  kill(signal?: NodeJS.Signals): void
}

/** What to run. */
export interface ComponentOptions {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly logFile: string
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  /** How long dispose waits after SIGTERM before SIGKILL; default 0, which means SIGKILL at once. */
  readonly graceMs?: number
}

/** Starts a program. Its log is appended to, so that a program started again keeps its history. */
export async function startComponent(options: ComponentOptions): Promise<Component> {
  const { name, command, args, logFile, env, cwd, graceMs = 0 } = options
  const log = openSync(logFile, 'a')
  const child = spawn(command, args, { stdio: ['ignore', log, log], env: env ?? process.env, cwd })
  closeSync(log)
  await once(child, 'spawn')
  const { pid } = child
  if (pid === undefined) throw new Error(`Cannot start '${name}': no process id`)
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
  const hasExited = () => child.exitCode !== null || child.signalCode !== null
  return {
    name,
    pid,
    logFile,
    exited,
    hasExited,
    log: () => readFileSync(logFile, 'utf8'),
    kill: (signal = 'SIGKILL') => void child.kill(signal),
    [Symbol.asyncDispose]: async () => {
      if (graceMs > 0 && !hasExited()) {
        child.kill('SIGTERM')
        await Promise.race([exited, sleep(graceMs, undefined, { ref: false })])
      }
      child.kill('SIGKILL')
      await exited
    },
  }
}
