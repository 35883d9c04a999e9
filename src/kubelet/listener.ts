// SPDX-License-Identifier: Apache-2.0
// A hardened HTTP/1.1 server, over TLS or not: bounds on headers, time and connections before any
// caller is known, an abort signal per request, and an end that leaves nothing behind.
import * as http from 'node:http'
import { ServerResponse } from 'node:http'
import type { IncomingMessage } from 'node:http'
import * as https from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { constants } from 'node:crypto'
import { DEFAULT_CIPHERS } from 'node:tls'
import type { Logger } from '../util/logger.ts'
import { behaviourOf, messageOf, UserError } from '../util/vk-error.ts'
import { ConnectionQuota } from './connection-quota.ts'
import { sendText } from './text-response.ts'
import { maxHandshakeMs } from './tls/tls-material.ts'
import type { TlsMaterial } from './tls/tls-material.ts'

/** Bounds of a server; the defaults are those of `defaultLimits`. */
export interface ListenerLimits {
  readonly maxHeaderBytes: number
  readonly maxConnections: number
  /** Of one address, so that there is room for others; see connection-quota.ts. */
  readonly maxConnectionsPerAddress: number
  /** Of one address without a caller who is known; also where nobody asks who calls. */
  readonly maxUnknownPerAddress: number
  /** What a body may say of its length; none of the routes has use for more. */
  readonly maxBodyBytes: number
  /** Never more than `maxHandshakeMs`. */
  readonly handshakeTimeoutMs: number
  /** From the connection, or the end of the request before, to the last byte of the headers. */
  readonly headersTimeoutMs: number
  /** The same to the last byte of the body. */
  readonly requestTimeoutMs: number
  readonly idleTimeoutMs: number
  /** How often the three are looked at. */
  readonly checkIntervalMs: number
}

/** Large headers are allowed because the command of an exec is part of the URL. */
export const defaultLimits: ListenerLimits = {
  maxHeaderBytes: 1024 * 1024,
  maxConnections: 1000,
  maxConnectionsPerAddress: 900,
  maxUnknownPerAddress: 500,
  maxBodyBytes: 1024 * 1024,
  handshakeTimeoutMs: maxHandshakeMs,
  headersTimeoutMs: 30_000,
  requestTimeoutMs: 60_000,
  idleTimeoutMs: 90_000,
  checkIntervalMs: 5000,
}

/** A connection that was taken over and is silent is probed after so long: its client may have vanished. */
const keepAliveMs = 30_000

// Made once: the stack of an error costs more than its use.
const callerGone = new DOMException('The caller closed the connection', 'AbortError')
const closing = new DOMException('The server closes', 'AbortError')

/** Outside of any closure: V8 frees a closed socket late, and it must not hold its request until then. */
const ignoreError = (): void => {}

/** Answers one request. `signal` aborts when the caller is gone or the server closes. */
export type RequestHandler = (exchange: Exchange) => Promise<void> | void

export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly signal: AbortSignal
  /** To be called when the caller is known and may do what they ask. */
  noteCaller(): void
  /** There when the request asks for another protocol; not taken up, it is answered like any other. */
  readonly upgrade?: UpgradeOffer
}

/** A connection that may be taken over. */
export interface UpgradeOffer {
  /** The raw connection, from now on the caller's to answer and to close. */
  take(): Takeover
}

export interface Takeover {
  readonly socket: Duplex
  /** What the client has sent already behind its request. */
  readonly head: Buffer
}

export interface ListenerOptions {
  /** For messages, such as `the kubelet API`. */
  readonly name: string
  /** The flag that chooses the port, for advice. */
  readonly flag?: string
  readonly address: string
  /** 0: any free one. */
  readonly port: number
  /** Plain HTTP without it. */
  readonly tls?: TlsMaterial
  readonly limits?: Partial<ListenerLimits>
  readonly log: Logger
}

/** A server that listens from `open` until it is disposed. */
export class Listener implements AsyncDisposable {
  readonly #server: http.Server | https.Server
  readonly #handle: RequestHandler
  readonly #options: ListenerOptions
  readonly #running = new Map<AbortController, Promise<void>>()
  readonly #upgraded = new Set<Socket>()
  readonly #tlsChanges: Disposable | undefined
  readonly #quota: ConnectionQuota
  readonly #maxBodyBytes: number

  /** Resolves once connections are accepted; rejects with a UserError when the address is not free. */
  static async open(handle: RequestHandler, options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(handle, options)
    await listener.#listen()
    return listener
  }

  private constructor(handle: RequestHandler, options: ListenerOptions) {
    const { tls } = options
    this.#handle = handle
    this.#options = options
    const limits = { ...defaultLimits, ...options.limits }
    if (tls) {
      const server = https.createServer({ ...httpOptions(limits), ...tlsOptions(tls, limits) })
      this.#tlsChanges = tls.onChange(() => server.setSecureContext(contextOptions(tls)))
      server.on('secureConnection', (socket) => tls.noteHandshake(socket))
      server.on('tlsClientError', (error) => {
        options.log.debug({ error: messageOf(error) }, 'TLS handshake failed')
      })
      this.#server = server
    } else {
      this.#server = http.createServer(httpOptions(limits))
    }
    this.#quota = new ConnectionQuota({
      maxPerAddress: limits.maxConnectionsPerAddress,
      maxUnknownPerAddress: limits.maxUnknownPerAddress,
    })
    this.#maxBodyBytes = limits.maxBodyBytes
    this.#server.maxConnections = limits.maxConnections
    // Before TLS and HTTP have their turn: a connection too many costs nothing.
    this.#server.prependListener('connection', (socket: Socket) => {
      if (!this.#quota.admit(socket)) socket.destroy()
    })
    this.#server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.#accept(request, response)
    })
    this.#server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      this.#acceptUpgrade(request, { socket, head })
    })
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#tlsChanges?.[Symbol.dispose]()
    const closed = Promise.withResolvers<void>()
    this.#server.close(() => closed.resolve())
    for (const controller of this.#running.keys()) controller.abort(closing)
    await Promise.all(this.#running.values())
    this.#server.closeAllConnections()
    // Node does not count connections that speak another protocol now.
    for (const socket of this.#upgraded) socket.destroy()
    await closed.promise
  }

  async #listen(): Promise<void> {
    const { name, address, port, flag } = this.#options
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#server.once('error', reject)
    this.#server.listen({ host: address, port }, resolve)
    try {
      await promise
    } catch (cause) {
      this.#tlsChanges?.[Symbol.dispose]()
      throw new UserError(`Cannot open ${name} on ${address}:${port}: ${messageOf(cause)}`, {
        cause,
        ...adviceFor(cause, flag),
      })
    }
    this.#server.off('error', reject)
    this.#server.on('error', (error) => {
      this.#options.log.error({ error: messageOf(error) }, `Server of ${name} failed`)
    })
  }

  #accept(request: IncomingMessage, response: ServerResponse): void {
    const controller = new AbortController()
    response.once('close', () => controller.abort(callerGone))
    this.#serve(
      { request, response, signal: controller.signal, ...this.#about(request) },
      controller,
    )
  }

  /** Node leaves such a connection alone; a response of our own answers where no route takes it over. */
  #acceptUpgrade(request: IncomingMessage, { socket, head }: Takeover & { socket: Socket }): void {
    const controller = new AbortController()
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(socket)
    response.once('finish', () => {
      response.detachSocket(socket)
      socket.end()
      // Whatever else the client has to say, nobody listens.
      socket.resume()
    })
    // Its end is all that matters of an error.
    socket.on('error', ignoreError)
    this.#upgraded.add(socket)
    socket.once('close', () => {
      this.#upgraded.delete(socket)
      controller.abort(callerGone)
    })
    socket.setKeepAlive(true, keepAliveMs)
    const upgrade = {
      take: (): Takeover => {
        response.detachSocket(socket)
        return { socket, head }
      },
    }
    const { signal } = controller
    this.#serve({ request, response, signal, upgrade, ...this.#about(request) }, controller)
  }

  #about({ socket }: IncomingMessage): Pick<Exchange, 'noteCaller'> {
    return { noteCaller: () => this.#quota.noteCaller(socket) }
  }

  #serve(exchange: Exchange, controller: AbortController): void {
    const running = this.#answer(exchange)
    this.#running.set(
      controller,
      running.finally(() => this.#running.delete(controller)),
    )
  }

  /** Never rejects: what a route throws becomes an answer, or ends the connection. */
  async #answer(exchange: Exchange): Promise<void> {
    const { request, response, signal } = exchange
    try {
      if (Number(request.headers['content-length'] ?? 0) > this.#maxBodyBytes) {
        const headers = { connection: 'close' }
        return sendText(response, { status: 413, text: 'Request Entity Too Large', headers })
      }
      await this.#handle(exchange)
    } catch (error) {
      if (!signal.aborted) {
        this.#options.log.warn({ path: pathOf(request), error: messageOf(error) }, 'Request failed')
      }
      if (response.headersSent || signal.aborted) response.destroy()
      else if (response.socket === null) request.socket.destroy()
      else sendText(response, { status: behaviourOf(error).httpStatus, text: messageOf(error) })
    }
  }
}

function httpOptions(limits: ListenerLimits): http.ServerOptions {
  return {
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.idleTimeoutMs,
    connectionsCheckingInterval: limits.checkIntervalMs,
  }
}

function tlsOptions(tls: TlsMaterial, limits: ListenerLimits): https.ServerOptions {
  return {
    ...contextOptions(tls),
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: Math.min(limits.handshakeTimeoutMs, maxHandshakeMs),
    ALPNProtocols: ['http/1.1'],
    ciphers: cipherOrder(DEFAULT_CIPHERS),
  }
}

/** AES-128 first: as safe here, a quarter cheaper than AES-256, and what a kubelet chooses. */
function cipherOrder(names: string): string {
  const first = 'TLS_AES_128_GCM_SHA256'
  const others = names.split(':')
  return others.includes(first)
    ? [first, ...others.filter((name) => name !== first)].join(':')
    : names
}

/**
 * Every connection is judged by one full handshake of its own: without tickets no session is resumed,
 * and none changes its certificate later.
 */
const secureOptions = constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION

function contextOptions(tls: TlsMaterial): https.ServerOptions {
  return { ...tls.current(), minVersion: 'TLSv1.2', secureOptions }
}

/** Without the query, which may hold what was typed into a shell. */
function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? ''
}

const advices: Readonly<Record<string, string>> = {
  EADDRINUSE: 'Another node, or a kubelet, may be running on this machine',
  EACCES: 'This user may not open that port',
  EADDRNOTAVAIL: 'This machine does not have that address',
}

function adviceFor(cause: unknown, flag: string | undefined): { readonly hint?: string } {
  const { code = '' } = cause as NodeJS.ErrnoException
  const advice = advices[code]
  if (advice === undefined || flag === undefined) return {}
  return { hint: `${advice}: choose another one with ${flag}.` }
}
