// SPDX-License-Identifier: Apache-2.0
// Runs a program of the user's to its end, or until its time is over or it says too much: then it goes with all
// that it has started, for a script's helper would live on without it and keep its output open.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'
import { withPipes } from './child-pipes.ts'
import type { Clock } from './clock.ts'

/** What is run, and how long and how much of it. */
export interface BoundedProgram {
  readonly file: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly clock: Clock
  readonly timeoutMs: number
  /** For each of both outputs. */
  readonly maxOutputBytes: number
}

/** How it has ended. `code` is null where a signal has ended it. */
export type ProgramEnd =
  | {
      readonly kind: 'exited'
      readonly code: number | null
      readonly stdout: string
      readonly stderr: string
    }
  | { readonly kind: 'late' }
  | { readonly kind: 'too long' }

/** It leads a session of its own, by which all of it can be ended; Windows knows no such thing. */
const hasGroup = process.platform !== 'win32'

/** Rejects with the system's error where it cannot be started, or Unavailable where we cannot start anything. */
export async function runBounded(program: BoundedProgram): Promise<ProgramEnd> {
  const { file, args, env, clock, timeoutMs, maxOutputBytes } = program
  const child = withPipes(
    spawn(file, args, { env, detached: hasGroup, stdio: ['ignore', 'pipe', 'pipe'] }),
  )
  const { promise, resolve, reject } = Promise.withResolvers<ProgramEnd>()
  const stop = (kind: 'late' | 'too long'): void => {
    killAll(child)
    for (const output of [child.stdout, child.stderr]) output.destroy()
    resolve({ kind })
  }
  const [stdout, stderr] = [child.stdout, child.stderr].map((output) =>
    collect(output, { maxBytes: maxOutputBytes, onTooMany: () => stop('too long') }),
  )
  child.once('error', reject)
  child.once('close', (code) => {
    resolve({ kind: 'exited', code, stdout: stdout?.() ?? '', stderr: stderr?.() ?? '' })
  })
  const onOurEnd = (): void => killAll(child)
  process.once('exit', onOurEnd)
  using _late = clock.setTimer(timeoutMs, () => stop('late'))
  try {
    return await promise
  } finally {
    process.off('exit', onOurEnd)
  }
}

/** Answers what has come so far. */
function collect(
  output: Readable,
  { maxBytes, onTooMany }: { readonly maxBytes: number; readonly onTooMany: () => void },
): () => string {
  const pieces: Buffer[] = []
  let left = maxBytes
  output.on('data', (piece: Buffer) => {
    left -= piece.length
    if (left < 0) onTooMany()
    else pieces.push(piece)
  })
  output.on('error', () => {
    // Its end follows.
  })
  return () => Buffer.concat(pieces).toString()
}

/** While it is there itself: later its number may be a stranger's. */
function killAll({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return
  try {
    process.kill(hasGroup ? -pid : pid, 'SIGKILL')
  } catch {
    // It has just ended.
  }
}
