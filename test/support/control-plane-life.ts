// SPDX-License-Identifier: Apache-2.0
// One life of a durable control plane: from its start as a process until it is killed.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Agent } from 'undici'
import { connectionFromKubeconfigText } from './kubeconfig-connection.ts'

const program = fileURLToPath(new URL('durable-control-plane.ts', import.meta.url))

export interface WatchedEvent {
  readonly type: string
  readonly object: {
    readonly code?: number
    readonly metadata: {
      readonly name: string
      readonly resourceVersion: string
      readonly annotations?: Readonly<Record<string, string>>
    }
  }
}

export class ControlPlaneLife implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #agent: Agent
  readonly #origin: string

  /** Resolves when it serves; `cacheFolder` keeps compiled code where nobody says otherwise: later lives begin sooner. */
  static async begin(dataDir: string, cacheFolder: string): Promise<ControlPlaneLife> {
    const child = spawn(process.execPath, [program, dataDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { NODE_COMPILE_CACHE: cacheFolder, ...process.env },
    })
    for await (const line of createInterface({ input: child.stdout })) {
      return new ControlPlaneLife(child, JSON.parse(line) as string)
    }
    throw new Error('The control plane ended before it served')
  }

  private constructor(child: ChildProcess, kubeconfig: string) {
    this.#child = child
    const { ca, cert, key, cluster } = connectionFromKubeconfigText(kubeconfig)
    this.#origin = cluster.server
    this.#agent = new Agent({ connect: { ca, cert, key }, allowH2: false, bodyTimeout: 0 })
  }

  /** Rejects when no whole answer came back; whether the request was carried out is open then. */
  async send(
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    body?: object,
  ): Promise<{ readonly status: number; readonly json: Record<string, unknown> }> {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
    const answer = await this.#agent.request({
      origin: this.#origin,
      path,
      method,
      headers: { 'content-type': type },
      body: body === undefined ? null : JSON.stringify(body),
    })
    const json = (await answer.body.json()) as Record<string, unknown>
    return { status: answer.statusCode, json }
  }

  /** The events from here to the end of this life, however it ends. */
  async *watch(path: string, from: string): AsyncIterable<WatchedEvent> {
    try {
      const { body } = await this.#agent.request({
        origin: this.#origin,
        path: `${path}?watch=1&resourceVersion=${from}`,
        method: 'GET',
      })
      let rest = ''
      body.setEncoding('utf8')
      for await (const part of body as AsyncIterable<string>) {
        const lines = (rest + part).split('\n')
        // The last line of a life may be cut off.
        rest = lines.pop() ?? ''
        for (const line of lines) yield JSON.parse(line) as WatchedEvent
      }
    } catch {
      // The connection broke because this life ended; the next one is asked for the rest.
    }
  }

  /** As kill -9. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, 'exit')
      this.kill()
      await exited
    }
    await this.#agent.destroy()
  }
}
