// SPDX-License-Identifier: Apache-2.0
// A Kubernetes API in memory, over HTTP on a port of its own: enough of it for tests of our clients
// and controllers, with every fault that a real one shows at the worst moment. Not a product; the
// scenarios in test/e2e run against the real thing.
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createSecureServer } from 'node:http2'
import type { Http2SecureServer, Http2Stream } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ClusterConnection } from '../../src/kube/cluster-connection.ts'
import { fixedCredentials } from '../../src/kube/credentials.ts'
import { createKubeClient } from '../../src/kube/http-kube-client.ts'
import type { KubeClientOptions } from '../../src/kube/http-kube-client.ts'
import type { KubeClient } from '../../src/kube/kube-client.ts'
import type { ObjectName, Resource } from '../../src/kube/resources.ts'
import type { ObjectMeta } from '../../src/kube/types.gen.ts'
import { silentLogger } from '../../src/util/logger.ts'
import { parseRequest } from './fake-api/api-request.ts'
import type { ApiRequest } from './fake-api/api-request.ts'
import { Faults } from './fake-api/faults.ts'
import type { Fault, RequestMatcher } from './fake-api/faults.ts'
import { Store } from './fake-api/store.ts'
import type { DeleteRequest, Place } from './fake-api/store.ts'
import { Verbs } from './fake-api/verbs.ts'
import type { FakeAnswers } from './fake-api/verbs.ts'
import { Watches } from './fake-api/watches.ts'
import { Refusal } from './fake-api/wire-object.ts'
import type { WireObject } from './fake-api/wire-object.ts'

export interface FakeApiServerOptions extends FakeAnswers {
  /** Serves HTTPS, with HTTP/2 for those who want it, by this certificate (PEM). */
  readonly tls?: { readonly cert: string; readonly key: string }
  /** Bearer tokens that are let in; default: everyone is. */
  readonly acceptsToken?: (token: string | undefined) => boolean
}

/** An object as far as a test cares; the server fills in the rest of its metadata. */
export type Seed<T> = Partial<Omit<T, 'metadata'>> & { readonly metadata: ObjectMeta }

/** Starts a fake API server on a free port of 127.0.0.1. */
export async function startFakeApiServer(
  options: FakeApiServerOptions = {},
): Promise<FakeApiServer> {
  const server = new FakeApiServer(options)
  await server.listen()
  return server
}

/** A running fake API server, and what tests do to it. */
export class FakeApiServer implements AsyncDisposable {
  /** All requests so far, oldest first. */
  readonly requests: ApiRequest[] = []
  readonly #options: FakeApiServerOptions
  readonly #store = new Store()
  readonly #watches: Watches
  readonly #verbs: Verbs
  readonly #faults = new Faults()
  readonly #sockets = new Set<Socket>()
  #server: Server | Http2SecureServer | undefined
  #port = 0
  #resumed: PromiseWithResolvers<void> | undefined

  constructor(options: FakeApiServerOptions = {}) {
    this.#options = options
    this.#watches = new Watches(this.#store)
    this.#verbs = new Verbs(this.#store, options)
  }

  get url(): string {
    return `${this.#options.tls ? 'https' : 'http'}://127.0.0.1:${this.#port}`
  }

  /** Watches that are open now. */
  get watchCount(): number {
    return this.#watches.size
  }

  /** TCP connections that are open now. */
  get connectionCount(): number {
    return this.#sockets.size
  }

  /** False makes the server refuse `sendInitialEvents`, as older ones do. */
  set hasInitialEvents(value: boolean) {
    this.#watches.hasInitialEvents = value
  }

  /** A client of this server. */
  client(options: Partial<KubeClientOptions> & { readonly token?: string } = {}): KubeClient {
    const { token, ...rest } = options
    return createKubeClient(this.connection(token), {
      userAgent: 'test',
      log: silentLogger,
      ...rest,
    })
  }

  /** How to connect to this server. */
  connection(token?: string): ClusterConnection {
    return {
      server: this.url,
      namespace: 'default',
      source: 'the fake API server',
      tls: { isInsecure: this.#options.tls !== undefined },
      headers: [],
      credentials: fixedCredentials(token === undefined ? {} : { token }),
    }
  }

  /** Stores an object as another client would: watches see it. */
  create<T>(resource: Resource<T>, object: Seed<T>): T {
    const { apiVersion, kind, isNamespaced } = resource
    const given = { apiVersion, kind, ...object } as unknown as WireObject
    const namespace = isNamespaced ? (given.metadata.namespace ?? 'default') : undefined
    return this.#store.create(collectionOf(resource), namespace, given) as T
  }

  /** Changes an object as another client would, status and all. */
  update<T>(resource: Resource<T>, at: ObjectName, change: (old: T) => T): T {
    const next = (old: WireObject): WireObject => {
      const changed = change(old as T) as WireObject
      const { resourceVersion: _version, ...metadata } = changed.metadata
      return { ...changed, metadata: { ...metadata, resourceVersion: '' } }
    }
    return this.#store.update(placeOf(resource, at), next) as T
  }

  /** Deletes an object as another client would; pods on a node end gracefully. */
  delete(resource: Resource<unknown>, at: ObjectName, request: DeleteRequest = {}): void {
    this.#store.delete(placeOf(resource, at), request)
  }

  /** The stored object. */
  find<T>(resource: Resource<T>, at: ObjectName): T | undefined {
    return this.#store.find(placeOf(resource, at)) as T | undefined
  }

  /** All stored objects of a kind, by name. */
  list<T>(resource: Resource<T>): readonly T[] {
    return this.#store.list(collectionOf(resource)) as readonly T[]
  }

  /** Orders a fault for the next matching requests; disposing of the result takes it back. */
  fail(matcher: RequestMatcher, fault: Fault): Disposable {
    return this.#faults.add(matcher, fault)
  }

  /** Ends watches normally, as the server does after a while. */
  closeWatches(matches: (request: ApiRequest) => boolean = () => true): void {
    this.#watches.close(matches)
  }

  /** Cuts the connections of watches. */
  destroyWatches(matches: (request: ApiRequest) => boolean = () => true): void {
    this.#watches.destroy(matches)
  }

  /** Forgets the history: running watches end with 410, older resourceVersions are refused. */
  expireWatches(): void {
    this.#store.forgetHistory()
    this.#verbs.forgetContinued()
    this.#watches.expire(() => true)
  }

  /** Sends a bookmark to all watches. */
  sendBookmarks(): void {
    this.#watches.bookmark()
  }

  /** Holds all answers and watch events back until the result is disposed of. */
  pause(): Disposable {
    this.#resumed = Promise.withResolvers()
    this.#watches.hold(true)
    return {
      [Symbol.dispose]: () => {
        this.#resumed?.resolve()
        this.#resumed = undefined
        this.#watches.hold(false)
      },
    }
  }

  /** Listens; at the same port as before when it was stopped. */
  async listen(): Promise<void> {
    const { tls } = this.#options
    const server = tls
      ? createSecureServer({ ...tls, allowHTTP1: true }, (request, response) => {
          const pair = { request, response } as unknown as HttpPair
          this.#serve(pair.request, pair.response)
        })
      : createServer((request, response) => this.#serve(request, response))
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve))
    this.#port = (server.address() as AddressInfo).port
    this.#server = server
  }

  /** Cuts all connections and refuses new ones until `listen`, as a crashed server does. */
  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    const closed = new Promise((resolve) => server?.close(resolve) ?? resolve(undefined))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#resumed?.resolve()
    await this.stop()
  }

  #serve(incoming: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = []
    response.on('error', () => {
      // The client went away; nobody is left to tell.
    })
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8')
      const request = parseRequest({
        method: incoming.method ?? 'GET',
        url: incoming.url ?? '/',
        headers: incoming.headers,
        body: text === '' ? undefined : (JSON.parse(text) as unknown),
      })
      this.requests.push(request)
      void this.#answer(request, response)
    })
  }

  async #answer(request: ApiRequest, response: ServerResponse): Promise<void> {
    await this.#resumed?.promise
    const fault = this.#faults.take(request)
    if (fault?.delayMs !== undefined) await sleep(fault.delayMs, undefined, { ref: false })
    try {
      this.#authenticate(request)
      if (fault && !fault.afterApply) this.#break(fault, response)
      if (response.destroyed) return
      if (request.verb === 'watch') {
        request.status = 200
        this.#watches.serve(request, response)
        return
      }
      const { status, body } = this.#verbs.run(request)
      if (fault?.afterApply) this.#break(fault, response)
      if (!response.destroyed) send(request, response, status, body)
    } catch (error) {
      const refusal =
        error instanceof Refusal ? error : new Refusal(500, 'InternalError', String(error))
      if (!response.headersSent) send(request, response, refusal.code, refusal.status)
      else response.destroy()
    }
  }

  #authenticate(request: ApiRequest): void {
    const { acceptsToken } = this.#options
    const token = /^Bearer (.*)$/.exec(String(request.headers['authorization']))?.[1]
    if (acceptsToken?.(token) === false) throw new Refusal(401, 'Unauthorized', 'Unauthorized')
  }

  #break(fault: Fault, response: ServerResponse): void {
    if (fault.destroy) {
      if ('stream' in response) (response.stream as Http2Stream).destroy()
      else response.destroy()
    }
    if (fault.status === undefined) return
    const { status, reason = 'Fault', message = 'ordered by the test' } = fault
    throw new Refusal(status, reason, message, fault.retryAfterSeconds)
  }
}

interface HttpPair {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

function send(request: ApiRequest, response: ServerResponse, status: number, body: unknown): void {
  request.status = status
  const { details } = body as { readonly details?: { readonly retryAfterSeconds?: number } }
  const seconds = details?.retryAfterSeconds
  response.writeHead(status, {
    'content-type': 'application/json',
    ...(seconds === undefined ? {} : { 'retry-after': String(seconds) }),
  })
  response.end(JSON.stringify(body))
}

function collectionOf({ apiVersion, plural }: Resource<unknown>): string {
  return `${apiVersion}/${plural}`
}

function placeOf(resource: Resource<unknown>, at: ObjectName): Place {
  const namespace = resource.isNamespaced ? (at.namespace ?? 'default') : undefined
  return { collection: collectionOf(resource), namespace, name: at.name }
}
