// SPDX-License-Identifier: Apache-2.0
// The TLS port of the API: one listener for HTTP/1.1 and HTTP/2, chosen by ALPN, with bounds on time,
// headers and connections before any caller is known. Client certificates are asked for and not
// demanded; who the caller is, is decided later.
import { constants } from 'node:crypto'
import { createServer as createHttpServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { constants as http2, createServer as createHttp2Server } from 'node:http2'
import type { Http2Server } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createServer as createTlsServer } from 'node:tls'
import type { Server as TlsServer, TLSSocket } from 'node:tls'
import { UserError } from '../../util/vk-error.ts'

/** Key and certificates, PEM. */
export interface ListenerTls {
  readonly cert: string
  readonly key: string
  /** Authorities whose client certificates are known. */
  readonly clientCa: string
}

export interface ListenerOptions {
  readonly address: string
  /** 0: any free one. */
  readonly port: number
  readonly tls: ListenerTls
  readonly onRequest: (request: IncomingMessage, response: ServerResponse) => void
  readonly onUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  readonly patience?: ListenerPatience
}

/** How long a client may take before anything is known of it. */
export interface ListenerPatience {
  /** For all headers of a request, from the end of the one before. */
  readonly headersMs: number
  /** For a whole request with its body. */
  readonly requestMs: number
  /** Over HTTP/2, for a body of which nothing comes any more. */
  readonly idleBodyMs: number
  /** How often it is looked whether these times are over. */
  readonly checkMs: number
}

const usualPatience: ListenerPatience = {
  headersMs: 30_000,
  requestMs: 120_000,
  idleBodyMs: 60_000,
  checkMs: 5000,
}
const handshakeTimeoutMs = 10_000
const maxHeaderBytes = 1024 * 1024
const maxConnections = 10_000
const maxStreams = 250

/** Listens from `open` until it is disposed; then connections end whatever they are doing. */
export class ApiListener implements AsyncDisposable {
  readonly #tls: TlsServer
  readonly #http: Server
  readonly #http2: Http2Server
  readonly #sockets = new Set<Socket>()

  /** Rejects with a UserError when the address is not free. */
  static async open(options: ListenerOptions): Promise<ApiListener> {
    const listener = new ApiListener(options)
    await listener.#listen(options)
    return listener
  }

  private constructor(options: ListenerOptions) {
    const { tls, onRequest, onUpgrade, patience = usualPatience } = options
    this.#http = createHttpServer({
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: patience.headersMs,
      requestTimeout: patience.requestMs,
      connectionsCheckingInterval: patience.checkMs,
      keepAliveTimeout: 90_000,
    })
    // It gets its connections from the TLS server; without this event it would not watch their times.
    this.#http.emit('listening')
    this.#http.on('request', onRequest)
    this.#http.on('upgrade', onUpgrade)
    this.#http2 = createHttp2Server({ settings: { maxConcurrentStreams: maxStreams } })
    this.#http2.on('stream', (stream) => {
      stream.setTimeout(patience.idleBodyMs, () => {
        if (stream.state.remoteClose !== 1) stream.close(http2.NGHTTP2_CANCEL)
      })
    })
    this.#http2.on('request', (request, response) => {
      // The compatibility layer of node:http2 has the methods of node:http that are used here.
      onRequest(request as unknown as IncomingMessage, response as unknown as ServerResponse)
    })
    this.#tls = createTlsServer({
      cert: tls.cert,
      key: tls.key,
      ca: tls.clientCa,
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ['h2', 'http/1.1'],
      handshakeTimeout: handshakeTimeoutMs,
      minVersion: 'TLSv1.2',
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    })
    this.#tls.maxConnections = maxConnections
    this.#tls.on('secureConnection', (socket) => this.#accept(socket))
  }

  get port(): number {
    return (this.#tls.address() as AddressInfo).port
  }

  /** Takes another certificate for connections from now on. */
  setCertificate(tls: ListenerTls): void {
    this.#tls.setSecureContext({ cert: tls.cert, key: tls.key, ca: tls.clientCa })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = Promise.withResolvers<void>()
    this.#tls.close(() => closed.resolve())
    for (const socket of this.#sockets) socket.destroy()
    // Ends its clock; it never listened.
    this.#http.close(() => {})
    await closed.promise
  }

  #accept(socket: TLSSocket): void {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    // A connection that breaks is the client's affair; requests on it learn of it by themselves.
    socket.on('error', () => {})
    socket.setNoDelay(true)
    const server = socket.alpnProtocol === 'h2' ? this.#http2 : this.#http
    server.emit('connection', socket)
  }

  async #listen({ address, port }: ListenerOptions): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#tls.once('error', reject)
    this.#tls.listen({ host: address, port }, resolve)
    try {
      await promise
    } catch (cause) {
      const why =
        (cause as NodeJS.ErrnoException).code === 'EADDRINUSE' ? 'the port is taken' : String(cause)
      throw new UserError(`Cannot serve the API on ${address}:${port}: ${why}`, {
        hint: 'Choose another port, or 0 for a free one.',
        cause,
      })
    }
    this.#tls.removeListener('error', reject)
    // Such as too many open files: connections are refused, and later ones may be taken again.
    this.#tls.on('error', () => {})
  }
}
