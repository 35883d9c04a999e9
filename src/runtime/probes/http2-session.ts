// SPDX-License-Identifier: Apache-2.0
// One HTTP/2 connection in clear to a workload, for one gRPC call. The library's own kind of connection
// listens for errors only from some moment on; what a hostile server sends before that would end this
// process. Here somebody listens as long as the connection lives.
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import type { OutgoingHttpHeaders } from 'node:http2'
import type { Duplex } from 'node:stream'

/** What the gRPC library makes its call on. */
export class Http2Session implements Disposable {
  readonly authority: string
  readonly #session: ClientHttp2Session
  readonly #connection: Duplex | undefined
  readonly #connected = Promise.withResolvers<void>()

  /** `connection` leads to where the URL says; without it one is made. */
  constructor(url: string, connection: Duplex | undefined) {
    this.authority = url
    this.#connection = connection
    const { resolve, reject } = this.#connected
    this.#connected.promise.catch(() => {
      // Whoever waits for the connection is told.
    })
    // Of a server that keeps sending not more is held than this many megabytes.
    const options = { maxSessionMemory: 1, settings: { enablePush: false } }
    const on = connection && { createConnection: () => connection }
    this.#session = connect(url, { ...options, ...on }, () => resolve())
    this.#session.on('error', reject)
    this.#session.on('close', () => reject(new Error('closed')))
  }

  /** Resolves when the connection is there; rejects with the reason why it will not be. */
  get connected(): Promise<void> {
    return this.#connected.promise
  }

  async request(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
  ): Promise<ClientHttp2Stream> {
    await this.connected
    return this.#session.request({ ...headers, ':method': method, ':path': path })
  }

  notifyResponseByteRead(): void {
    // Only long-lived connections need to know.
  }

  [Symbol.dispose](): void {
    this.#session.destroy()
    this.#connection?.destroy()
  }
}
