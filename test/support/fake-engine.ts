// SPDX-License-Identifier: Apache-2.0
// What answers as a container engine would, as far as one test says, on a socket of its own; whatever it is
// asked beyond that, it leaves without an answer. The client is the provider's own, on a clock that stands.
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EngineClient } from '../../src/providers/docker/engine/engine-client.ts'
import { loadDockerode } from '../../src/providers/docker/engine/load-dockerode.ts'
import { FakeClock } from '../../src/util/fake-clock.ts'

/** Answers a request, or does not. */
export type FakeAnswer = (response: ServerResponse, body: Buffer) => void

interface Waiter {
  readonly isMet: () => boolean
  readonly resolve: () => void
}

/** By method and path, such as `GET /containers/c1/json`. */
export class FakeEngine implements AsyncDisposable {
  readonly clock: FakeClock
  readonly answers: Map<string, FakeAnswer> = new Map()
  /** What it was asked, in order. */
  readonly asked: string[] = []
  readonly client: EngineClient
  readonly #server: Server
  readonly #folder: string
  readonly #sockets = new Set<Socket>()
  #waiters: readonly Waiter[] = []

  private constructor(parts: {
    clock: FakeClock
    client: EngineClient
    server: Server
    folder: string
  }) {
    this.clock = parts.clock
    this.client = parts.client
    this.#server = parts.server
    this.#folder = parts.folder
  }

  static async open(): Promise<FakeEngine> {
    const folder = mkdtempSync(join(tmpdir(), 'vk-fake-engine-'))
    const socketPath = join(folder, 'engine.sock')
    const Docker = await loadDockerode()
    const { modem } = new Docker({ socketPath })
    const server = createServer()
    const clock = new FakeClock()
    const client = new EngineClient(modem, { where: 'unix:fake', clock, headers: {}, prefix: '' })
    const engine = new FakeEngine({ clock, client, server, folder })
    server.on('request', (request, response) => void engine.#serve(request, response))
    server.on('connection', (socket) => {
      engine.#sockets.add(socket)
      socket.once('close', () => engine.#sockets.delete(socket))
    })
    server.on('upgrade', (request, socket: Socket) => engine.#upgrade(request, socket))
    server.listen(socketPath)
    await once(server, 'listening')
    return engine
  }

  /** Resolves when it has been asked this so many times. */
  async untilAsked(what: string, times = 1): Promise<void> {
    const isMet = (): boolean => this.asked.filter((one) => one === what).length >= times
    if (isMet()) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiters = [...this.#waiters, { isMet, resolve }]
    await promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
    rmSync(this.#folder, { recursive: true })
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const what = this.#note(request)
    this.answers.get(what)?.(response, Buffer.concat(chunks))
  }

  /** A connection that becomes a stream ends at once: what ran has said nothing. */
  #upgrade(request: IncomingMessage, socket: Socket): void {
    const what = this.#note(request)
    if (!this.answers.has(what)) return
    socket.end('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n')
  }

  #note({ method, url = '' }: IncomingMessage): string {
    const what = `${method} ${url.split('?')[0]}`
    this.asked.push(what)
    for (const { isMet, resolve } of this.#waiters) if (isMet()) resolve()
    return what
  }
}

/** An answer in JSON. */
export function json(value: unknown): FakeAnswer {
  return (response) => void response.end(JSON.stringify(value))
}
