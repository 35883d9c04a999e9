// SPDX-License-Identifier: Apache-2.0
//
// The client of both API servers: undici over HTTP/1.1 with kept connections. It reads answers and looks at
// nothing in them, so that the server is what is measured.
import { Agent } from 'undici'
import type { Access } from './bench-server.ts'

export const parallel = 50

interface WatchOptions {
  readonly onEvent: () => void
  /** When it ends for whatever reason. */
  readonly onError: (error: Error) => void
  readonly signal: AbortSignal
}

export class BenchClient implements AsyncDisposable {
  readonly #agent: Agent
  readonly #origin: string
  readonly #userAgent: string

  /** By its user agent a server knows whose fields it records. */
  constructor({ origin, ca, cert, key }: Access, userAgent = 'bench') {
    this.#origin = origin
    this.#userAgent = userAgent
    this.#agent = new Agent({
      connect: { ca, cert, key },
      allowH2: false,
      bodyTimeout: 0,
      headersTimeout: 0,
    })
  }

  /** Returns the bytes of the answer; throws unless it is a 2xx. */
  async send(
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    body?: string,
  ): Promise<number> {
    const type = method === 'PATCH' ? 'application/strategic-merge-patch+json' : 'application/json'
    const response = await this.#agent.request({
      origin: this.#origin,
      path,
      method,
      headers: { 'content-type': type, 'user-agent': this.#userAgent },
      body: body ?? null,
    })
    if (response.statusCode >= 300) {
      throw new Error(`${method} ${path}: ${response.statusCode} ${await response.body.text()}`)
    }
    let bytes = 0
    for await (const chunk of response.body as AsyncIterable<Buffer>) bytes += chunk.length
    return bytes
  }

  async json<T>(path: string): Promise<T> {
    const { body } = await this.#agent.request({ origin: this.#origin, path, method: 'GET' })
    return (await body.json()) as T
  }

  /** Sends `count` requests, 50 at a time. */
  async forEach(count: number, send: (index: number) => Promise<unknown>): Promise<void> {
    let next = 0
    const worker = async (): Promise<void> => {
      while (next < count) await send(next++)
    }
    await Promise.all(Array.from({ length: parallel }, worker))
  }

  /** Tells of each event, unread, until the signal aborts; resolves once it is open. */
  async watch(path: string, { onEvent, onError, signal }: WatchOptions): Promise<void> {
    const { body } = await this.#agent.request({
      origin: this.#origin,
      path,
      method: 'GET',
      signal,
    })
    body.on('error', onError)
    body.on('end', () => onError(new Error('The watch ended')))
    body.on('data', (chunk: Buffer) => {
      for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) onEvent()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy()
  }
}
