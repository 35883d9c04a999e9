// SPDX-License-Identifier: Apache-2.0
// One request and its answer, over HTTP/1.1 or HTTP/2: what was asked, by whom, and how to answer it
// once. Bodies have a bound; an answer that nobody reads any more is given up.
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { User } from '../auth/user.ts'
import { requestTooLarge } from '../objects/api-status.ts'
import type { StatusError } from '../objects/api-status.ts'
import type { RequestInfo } from './request-info.ts'
import { warningHeaders } from './warning-headers.ts'

/** As kube-apiserver's bound for resources. */
export const maxBodyBytes: number = 3 * 1024 * 1024

const newline = Buffer.from('\n')

/** What a client may still send after it was refused. */
const maxDiscardedBytes = 64 * 1024 * 1024

/** A request from its first byte to the last of its answer. */
export class ApiExchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly info: RequestInfo
  readonly user: User
  /** Aborts when the client is gone or the server closes. */
  readonly signal: AbortSignal
  readonly #warnings = new Set<string>()

  constructor(parts: {
    readonly request: IncomingMessage
    readonly response: ServerResponse
    readonly info: RequestInfo
    readonly user: User
    readonly signal: AbortSignal
  }) {
    this.request = parts.request
    this.response = parts.response
    this.info = parts.info
    this.user = parts.user
    this.signal = parts.signal
  }

  /** Adds a sentence that kubectl prints as `Warning: …`. */
  readonly warn = (sentence: string): void => {
    this.#warnings.add(sentence)
  }

  /** The sentences so far, as values of the `Warning` header. */
  get warnings(): readonly string[] {
    return warningHeaders(this.#warnings)
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name]
    return Array.isArray(value) ? value.join(',') : value
  }

  /** The body as bytes; 413 when it is larger than the bound. */
  async body(): Promise<Buffer> {
    const chunks: Buffer[] = []
    let bytes = 0
    // Left intact, the connection can still carry the refusal.
    const parts = this.request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>
    for await (const chunk of parts) {
      bytes += chunk.length
      if (bytes > maxBodyBytes) {
        this.#discardRest()
        throw requestTooLarge(`Request body is too large: limit is ${maxBodyBytes}`)
      }
      chunks.push(chunk)
    }
    const [only] = chunks
    return chunks.length === 1 && only ? only : Buffer.concat(chunks)
  }

  sendJson(status: number, value: unknown): void {
    this.sendLine(status, Buffer.from(JSON.stringify(value)))
  }

  /** Sends JSON that is encoded already; answers end with a newline, for people at a terminal. */
  sendLine(status: number, json: Buffer): void {
    this.sendBytes(status, Buffer.concat([json, newline]))
  }

  sendBytes(status: number, bytes: Buffer, contentType = 'application/json'): void {
    this.response.writeHead(status, {
      ...this.#headers(contentType),
      'content-length': bytes.length,
    })
    this.response.end(bytes)
  }

  /** Sends a body part by part, as fast as the client takes it. */
  async sendParts(status: number, parts: Iterable<Buffer>): Promise<void> {
    this.start(status, 'application/json')
    for (const part of parts) {
      if (this.signal.aborted) return
      await this.write(part)
    }
    this.response.end()
  }

  /** Begins an answer whose parts follow by `write`. */
  start(status: number, contentType: string): void {
    this.response.writeHead(status, this.#headers(contentType))
    this.response.flushHeaders?.()
  }

  /** Resolves when there is room for more, or the client is gone. */
  async write(part: Buffer): Promise<void> {
    if (this.signal.aborted || this.response.write(part)) return
    await once(this.response, 'drain', { signal: this.signal }).catch(() => {
      // Only the abort ends the wait early; whoever writes looks at the signal.
    })
  }

  /** Reads on without keeping anything, for many clients read the answer only after they have sent all. */
  #discardRest(): void {
    let bytes = 0
    this.request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > maxDiscardedBytes) this.response.destroy()
    })
  }

  #headers(contentType: string): Record<string, string | string[]> {
    const { warnings } = this
    return {
      'content-type': contentType,
      'cache-control': 'no-cache, private',
      ...(warnings.length > 0 && { warning: [...warnings] }),
    }
  }
}

/** Answers a request that went wrong, if it has no answer yet. */
export function sendStatus(
  response: ServerResponse,
  { status }: StatusError,
  warnings: readonly string[] = [],
): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  const seconds = status.details?.retryAfterSeconds
  const bytes = Buffer.from(`${JSON.stringify(status)}\n`)
  const headers: Record<string, string | number | string[]> = {
    'content-type': 'application/json',
    'cache-control': 'no-cache, private',
    'content-length': bytes.length,
    ...(seconds !== undefined && { 'retry-after': String(seconds) }),
    ...(warnings.length > 0 && { warning: [...warnings] }),
  }
  response.writeHead(status.code, headers)
  response.end(bytes)
}
