// SPDX-License-Identifier: Apache-2.0
//
// Pods to talk to through ports, and kubectl in a terminal.
import { spawn } from '@lydell/node-pty'
import type { IPty } from '@lydell/node-pty'
import type { Container } from '../../src/kube/types.gen.ts'
import { eventually } from './eventually.ts'
import type { Kubectl } from './kubectl.ts'
import type { Pods } from './pods.ts'

const SERVER = `
  require('node:net').createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {})
    socket.pipe(socket)
  }).listen(0, '127.0.0.1', function () { console.log(this.address().port) })
`

/** Sends back what it gets, on a port that it prints. */
export const ECHO_SERVER: Container = {
  name: 'main',
  image: 'host',
  command: [process.execPath, '-e', SERVER],
}

/** The port of a pod with such a container. */
export async function echoPort(pods: Pods, name: string): Promise<number> {
  return await eventually(
    async () => {
      const [line] = (await pods.logs(name)).split('\n')
      return line ? Number(line) : undefined
    },
    { what: `pod ${name} to listen` },
  )
}

/** A command in a terminal, typed to by a test. */
export class Terminal {
  text = ''
  readonly #pty: IPty
  readonly #exited: Promise<number>

  constructor({ command, env }: Kubectl, args: readonly string[]) {
    this.#pty = spawn(command, [...args], { name: 'xterm', cols: 101, rows: 33, env })
    this.#pty.onData((data) => {
      this.text += data
    })
    const { promise, resolve } = Promise.withResolvers<number>()
    this.#exited = promise
    this.#pty.onExit(({ exitCode }) => resolve(exitCode))
  }

  /** Types a line again and again until what it prints matches. */
  async typeUntil(line: string, answer: RegExp): Promise<void> {
    const what = `${JSON.stringify(line)} to be answered by ${String(answer)}`
    try {
      await eventually(
        () => {
          if (answer.test(this.text)) return true
          this.#pty.write(line)
          return false
        },
        { what, intervalMs: 500 },
      )
    } catch (cause) {
      const end = JSON.stringify(this.text.slice(-500))
      throw new Error(`${String(cause)}; the terminal shows ${end}`, { cause })
    }
  }

  type(line: string): void {
    this.#pty.write(line)
  }

  resize(columns: number, rows: number): void {
    this.#pty.resize(columns, rows)
  }

  /** Resolves with the exit code. */
  async exited(): Promise<number> {
    return await this.#exited
  }
}

/** Resolves with the local port once `kubectl port-forward` listens; rejects when it ends before. */
export async function forwardedPort(stdout: NodeJS.ReadableStream): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  let text = ''
  stdout.on('data', (piece: Buffer) => {
    text += piece.toString()
    const port = /Forwarding from 127\.0\.0\.1:(\d+) /.exec(text)?.[1]
    if (port !== undefined) resolve(Number(port))
  })
  stdout.once('close', () => reject(new Error(`kubectl port-forward ended and said: ${text}`)))
  return await promise
}
