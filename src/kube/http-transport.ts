// SPDX-License-Identifier: Apache-2.0
// Bytes to and from the API server: connections, identity, time limits. Requests and watches have
// connections of their own, so that a large list never holds up a watch; watches share HTTP/2
// connections where the server speaks it, so that a thousand of them need only a few.
import { Pool, ProxyAgent } from 'undici'
import type { Dispatcher } from 'undici'
import type { Logger } from '../util/logger.ts'
import { VkError } from '../util/vk-error.ts'
import type { ClusterConnection } from './cluster-connection.ts'
import { isSameCertificate } from './credentials.ts'
import type { ClientCertificate, Identity } from './credentials.ts'
import { HttpExchange } from './http-exchange.ts'
import type { HttpAnswer } from './http-exchange.ts'
import { HttpStream } from './http-stream.ts'

/** One request; `path` with its query, from the root of the API. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly body?: string
  readonly contentType?: string
  readonly signal?: AbortSignal | undefined
  readonly timeoutMs: number
}

interface Connections {
  readonly certificate: ClientCertificate | undefined
  requests: Dispatcher
  readonly watches: Dispatcher
  /** What is open on `watches`. */
  readonly streams: Set<HttpStream>
}

// Connections that nobody uses are kept for less long than servers and load balancers keep them
// (60 s and more): a request must not meet a connection that is just being closed.
const keepIdleMs = 50_000
const connectTimeoutMs = 10_000
const tcpKeepAliveMs = 30_000
const maxRequestConnections = 100
const streamsPerConnection = 1000

/** Sends requests with the connection's identity, and once more after a 401 if that changed it. */
export class HttpTransport implements AsyncDisposable {
  readonly #connection: ClusterConnection
  readonly #userAgent: string
  readonly #origin: string
  readonly #pathPrefix: string
  readonly #log: Logger
  readonly #headers = new WeakMap<Identity, Map<string, string[]>>()
  #connections: Connections | undefined
  #answeredMs = 0
  #isClosed = false

  constructor(
    connection: ClusterConnection,
    options: { readonly userAgent: string; readonly log: Logger },
  ) {
    const url = new URL(connection.server)
    this.#connection = connection
    this.#userAgent = options.userAgent
    this.#log = options.log
    this.#origin = url.origin
    this.#pathPrefix = url.pathname.replace(/\/+$/, '')
  }

  /** Sends a request and collects the whole answer, whatever its status. */
  async exchange(request: HttpRequest): Promise<HttpAnswer> {
    const identity = await this.#identity()
    const answer = await this.#exchangeAs(identity, request)
    if (answer.status !== 401 || !(await this.#renew(identity))) return answer
    return await this.#exchangeAs(await this.#identity(), request)
  }

  /** Opens a stream of bytes: resolves once the server has answered with a status. */
  async openStream(request: HttpRequest): Promise<HttpStream> {
    const identity = await this.#identity()
    const stream = await this.#openStreamAs(identity, request)
    if (stream.status !== 401 || !(await this.#renew(identity))) return stream
    stream.close()
    return await this.#openStreamAs(await this.#identity(), request)
  }

  /** Breaks off whatever is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    const connections = this.#connections
    await Promise.all([connections?.requests.destroy(), connections?.watches.destroy()])
  }

  #identity(): Identity | Promise<Identity> {
    return this.#connection.credentials.identity()
  }

  async #renew(refused: Identity): Promise<boolean> {
    const isRenewed = await this.#connection.credentials.renew(refused)
    this.#log.info({ isRenewed }, 'The API server refused our credentials (401)')
    return isRenewed
  }

  async #exchangeAs(identity: Identity, request: HttpRequest): Promise<HttpAnswer> {
    const connections = this.#connectionsFor(identity)
    const { requests } = connections
    const exchange = new HttpExchange(request)
    const sentMs = performance.now()
    requests.dispatch(
      {
        path: this.#pathPrefix + request.path,
        method: request.method,
        origin: this.#origin,
        headers: this.#headersFor(identity, request.contentType ?? ''),
        body: request.body ?? null,
        // Without this undici closes the connection after each DELETE that has a body, as ours have:
        // some servers mistake such a body for the next request. Kubernetes' reads it.
        reset: false,
        // The exchange has its own time limit.
        headersTimeout: 0,
        bodyTimeout: 0,
      },
      exchange,
    )
    try {
      const answer = await exchange.answer
      this.#answeredMs = performance.now()
      return answer
    } catch (error) {
      const isTimeout = error instanceof VkError && error.code === 'Timeout'
      if (isTimeout && this.#answeredMs < sentMs && connections.requests === requests) {
        this.#replaceRequests(connections)
      }
      throw error
    }
  }

  // When nothing at all was answered since a request was sent, the way to the server may have died
  // without a word, and every idle connection with it: each would cost its next user a timeout.
  #replaceRequests(connections: Connections): void {
    const old = connections.requests
    connections.requests = this.#requestDispatcher(connections.certificate)
    void old.close()
  }

  async #openStreamAs(identity: Identity, request: HttpRequest): Promise<HttpStream> {
    const { streams, watches } = this.#connectionsFor(identity)
    const stream = new HttpStream(request, () => streams.delete(stream))
    streams.add(stream)
    watches.dispatch(
      {
        path: this.#pathPrefix + request.path,
        method: request.method,
        origin: this.#origin,
        headers: this.#headersFor(identity, ''),
        // With HTTP/2 a stream that gets no answer makes undici look whether its connection lives.
        headersTimeout: request.timeoutMs / 2,
        bodyTimeout: 0,
      },
      stream,
    )
    await stream.opened
    if (this.#connections?.streams === streams) return stream
    // The certificate has changed while it was opened.
    stream.close()
    return await this.#openStreamAs(await this.#identity(), request)
  }

  #headersFor(identity: Identity, contentType: string): string[] {
    let byContentType = this.#headers.get(identity)
    if (!byContentType) this.#headers.set(identity, (byContentType = new Map()))
    let headers = byContentType.get(contentType)
    if (!headers) {
      headers = ['accept', 'application/json', 'user-agent', this.#userAgent]
      if (identity.token !== undefined) headers.push('authorization', `Bearer ${identity.token}`)
      for (const [name, value] of this.#connection.headers) headers.push(name, value)
      if (contentType !== '') headers.push('content-type', contentType)
      byContentType.set(contentType, headers)
    }
    return headers
  }

  #connectionsFor(identity: Identity): Connections {
    if (this.#isClosed) throw new VkError('Unavailable', 'the client is closed')
    const old = this.#connections
    if (old && isSameCertificate(old.certificate, identity.certificate)) return old
    const { certificate } = identity
    const connections: Connections = {
      certificate,
      streams: new Set(),
      requests: this.#requestDispatcher(certificate),
      watches: this.#dispatcher(certificate, {
        allowH2: true,
        h2Options: {
          maxConcurrentStreams: streamsPerConnection,
          connectionWindowSize: 8 * 1024 * 1024,
          // A dead connection is found by TCP keep-alive, which pings in flight would put off.
          pingInterval: 0,
          settings: { initialWindowSize: 1024 * 1024 },
        },
      }),
    }
    this.#connections = connections
    if (old) this.#retire(old)
    return connections
  }

  /**
   * Requests under way may end by themselves. A watch is ended, as a server ends one that was open for its
   * time, so that its reader goes on from where it was, as the new identity; one that is only being opened
   * sees to that itself.
   */
  #retire({ requests, streams, watches }: Connections): void {
    for (const stream of streams) if (stream.status !== 0) stream.close()
    for (const dispatcher of [requests, watches]) void dispatcher.close()
  }

  #requestDispatcher(certificate: ClientCertificate | undefined): Dispatcher {
    return this.#dispatcher(certificate, { connections: maxRequestConnections, allowH2: false })
  }

  #dispatcher(certificate: ClientCertificate | undefined, options: Pool.Options): Dispatcher {
    const { tls, proxyUrl } = this.#connection
    const connect = {
      ...(tls.caPem === undefined ? {} : { ca: tls.caPem }),
      ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
      ...(certificate && { cert: certificate.certificatePem, key: certificate.keyPem }),
      rejectUnauthorized: !tls.isInsecure,
      keepAliveInitialDelay: tcpKeepAliveMs,
      timeout: connectTimeoutMs,
    }
    const common = { ...options, keepAliveTimeout: keepIdleMs, pipelining: 1 }
    if (proxyUrl === undefined) return new Pool(this.#origin, { ...common, connect })
    return new ProxyAgent({ ...common, uri: proxyUrl, requestTls: connect })
  }
}
