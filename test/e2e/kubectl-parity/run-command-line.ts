// SPDX-License-Identifier: Apache-2.0
//
// Runs kubectl for one case: with its folder, environment and input, interrupted where the case says so, and
// spoken to where it opens a port.
import { spawn } from 'node:child_process'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import type { Outcome, ParityCase } from './parity-case.ts'

/** Where a command runs and as whom. */
export interface CommandPlace {
  readonly folder: string
  readonly namespace: string
  readonly kubeconfig: string
}

const TIMEOUT_MS = 180_000

/** Runs to the end, or to what the case stops at; never throws for what kubectl does. */
export async function runCommandLine(
  command: string,
  args: readonly string[],
  one: ParityCase,
  { folder, namespace, kubeconfig }: CommandPlace,
): Promise<Outcome> {
  const child = spawn(command, [`--namespace=${namespace}`, ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: folder, KUBECONFIG: kubeconfig, ...one.env },
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  })
  // kubectl may end without reading.
  child.stdin.on('error', () => {})
  child.stdin.end(one.stdin ?? '')
  const closed = once(child, 'close') as Promise<[number | null]>
  const stop = stopInTime(child, one)
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    closed,
  ])
  const { wasStopped, answer } = await stop
  return { code: wasStopped ? 0 : (code ?? -1), stdout: stdout + answer, stderr }
}

interface Stop {
  /** Then the exit code is a matter of the moment. */
  readonly wasStopped: boolean
  /** What the port said, or nothing. */
  readonly answer: string
}

/** Watches what the command prints, and ends it as the case wants. */
async function stopInTime(
  child: ChildProcessWithoutNullStreams,
  { talk, stopAt }: ParityCase,
): Promise<Stop> {
  const pattern = talk ? /127\.0\.0\.1:(\d+)/ : stopAt
  if (pattern === undefined) return { wasStopped: false, answer: '' }
  let seen = ''
  const found = await new Promise<RegExpExecArray | null>((resolve) => {
    child.stdout.on('data', (bytes: Buffer) => {
      seen += bytes.toString()
      const match = pattern.exec(seen)
      if (match) resolve(match)
    })
    child.once('close', () => resolve(null))
  })
  const answer = talk && found ? await ask(Number(found[1]), talk) : ''
  child.kill('SIGINT')
  return { wasStopped: found !== null, answer }
}

async function ask(port: number, how: 'echo' | 'http'): Promise<string> {
  if (how === 'http') {
    const response = await fetch(`http://127.0.0.1:${port}/api`)
    return `${response.status} ${((await response.json()) as { kind: string }).kind}\n`
  }
  const socket = connect(port, '127.0.0.1')
  socket.write('ping\n')
  for await (const line of createInterface({ input: socket })) {
    socket.destroy()
    return `${line}\n`
  }
  return ''
}
