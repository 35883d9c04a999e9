// SPDX-License-Identifier: Apache-2.0
//
// A server of the kubelet API and the client-go program that measures it, one row at a time.
import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { cpuMs, residentMib } from '../process-usage.ts'
import type { Measured, Row } from './report-streams.ts'

export interface PairOptions {
  /** Prints its port first. */
  readonly server: readonly string[]
  /** Without the flag that says where the server is. */
  readonly client: readonly string[]
  readonly idleCount: number
}

interface Answer {
  readonly amount: number
  readonly seconds: number
  readonly cpuMs: number
}

type Child = ChildProcessByStdio<Writable, Readable, null>

/** Both run until it is disposed. */
export class StreamPair implements AsyncDisposable {
  readonly #server: Child
  readonly #client: Child
  readonly #answers: AsyncIterator<string>
  readonly #idleCount: number

  static async start({ server: command, client, idleCount }: PairOptions): Promise<StreamPair> {
    const server = start(command)
    const failed = once(server, 'exit').then(() => {
      throw new Error(`${command.join(' ')} ended before it served`)
    })
    failed.catch(() => {
      // Later it is meant to end.
    })
    const line = once(createInterface(server.stdout), 'line') as Promise<[string]>
    const [port] = await Promise.race([line, failed])
    const flag = `-server=https://127.0.0.1:${port}`
    return new StreamPair({ server, client: start([...client, flag]), idleCount })
  }

  private constructor(options: {
    readonly server: Child
    readonly client: Child
    readonly idleCount: number
  }) {
    this.#server = options.server
    this.#client = options.client
    this.#answers = createInterface(options.client.stdout)[Symbol.asyncIterator]()
    this.#idleCount = options.idleCount
  }

  /** Memory of the server for `idle`, which is the last row; rates for the others. */
  async measure(row: Row): Promise<Measured> {
    const pid = this.#server.pid ?? 0
    const before = { cpuMs: cpuMs(pid, { children: true }), mib: residentMib(pid) }
    this.#client.stdin.write(`${row}\n`)
    const { value } = await this.#answers.next()
    const serverCpuMs = cpuMs(pid, { children: true }) - before.cpuMs
    if (row === 'idle') {
      const kib = (Math.max(residentMib(pid) - before.mib, 0) * 1024) / this.#idleCount
      return { amount: kib, seconds: 1, serverCpuMs, clientCpuMs: 0 }
    }
    const { amount, cpuMs: clientCpuMs, seconds } = JSON.parse(String(value)) as Answer
    return { amount, seconds, serverCpuMs, clientCpuMs }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stop(this.#client, 'SIGKILL')
    await stop(this.#server, 'SIGTERM')
  }
}

function start([file = '', ...args]: readonly string[]): Child {
  return spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] })
}

async function stop(child: Child, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  const ended = once(child, 'exit')
  child.kill(signal)
  await ended
}
