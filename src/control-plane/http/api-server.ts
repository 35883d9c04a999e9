// SPDX-License-Identifier: Apache-2.0
// The API over HTTPS. Each request goes the same way: who is it, may he do it, what is to be done. Every
// failure ends as a Status object; one that is no refusal is logged, and tells the client nothing.
import type { X509Certificate } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { Logger } from '../../util/logger.ts'
import { messageOf, VkError } from '../../util/vk-error.ts'
import type { Authenticator } from '../auth/authenticator.ts'
import { requireAllowed } from '../auth/authorizer.ts'
import type { Authorizer } from '../auth/authorizer.ts'
import { impersonatedUser } from '../auth/impersonation.ts'
import type { User } from '../auth/user.ts'
import { isPodStream, joinPodStream } from '../kubelet/pod-streams.ts'
import type { KubeletContext } from '../kubelet/pod-logs.ts'
import {
  badRequest,
  internalError,
  serviceUnavailable,
  StatusError,
  storageError,
} from '../objects/api-status.ts'
import { ApiExchange, sendStatus } from './api-exchange.ts'
import { answerPlainPath } from './plain-paths.ts'
import type { PlainPathContext } from './plain-paths.ts'
import { requestAttributes } from '../auth/request-attributes.ts'
import { readRequestInfo } from './request-info.ts'
import type { RequestInfo } from './request-info.ts'
import { routeResource } from './request-router.ts'
import type { SpecialHandlers } from './request-router.ts'
import type { VerbContext } from './read-verbs.ts'
import { StorageFailure } from '../storage/storage-failure.ts'

export interface ApiServerParts extends VerbContext, PlainPathContext, KubeletContext {
  readonly authenticator: Authenticator
  readonly authorizer: Authorizer
  readonly special: SpecialHandlers
  readonly log: Logger
}

export class ApiServer implements Disposable {
  readonly #parts: ApiServerParts
  readonly #running = new Set<AbortController>()

  constructor(parts: ApiServerParts) {
    this.#parts = parts
  }

  /** Answers one request; never rejects. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    using work = this.#work(response)
    let exchange: ApiExchange | undefined
    try {
      const info = readRequestInfo(request.method ?? '', request.url ?? '')
      const user = this.#userOf(request, info)
      exchange = new ApiExchange({ request, response, info, user, signal: work.signal })
      if (info.target) await routeResource(this.#parts, exchange, info.target)
      else await answerPlainPath(exchange, this.#parts)
    } catch (error) {
      if (work.signal.aborted) return
      const settled = await this.#settled(error, request)
      this.#refuse(response, this.#statusOf(settled, request), exchange?.warnings ?? [])
    }
  }

  /**
   * That something is there, or is not, may be told only once it would survive a crash. A write that was
   * refused because of one that could not be stored is refused for that reason.
   */
  async #settled(error: unknown, { method }: IncomingMessage): Promise<unknown> {
    if (!(error instanceof StatusError) || (error.code !== 404 && error.code !== 409)) return error
    try {
      await this.#parts.store.durable()
      return error
    } catch (failure) {
      return method === 'GET' || method === 'HEAD' ? error : failure
    }
  }

  /** Joins a stream with its kubelet; never rejects. */
  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    using work = this.#work(socket)
    socket.on('error', () => {})
    try {
      const info = readRequestInfo(request.method ?? '', request.url ?? '')
      const user = this.#userOf(request, info)
      const { target } = info
      if (!target || !isPodStream(target)) throw badRequest('this address offers no other protocol')
      // WebSockets are opened by GET; what runs in a pod by them takes more than the right to read.
      const attributes = { ...requestAttributes(info), verb: 'create' }
      requireAllowed(this.#parts.authorizer, user, attributes)
      const { headers } = request
      await joinPodStream(this.#parts, { info, target, headers, socket, head, signal: work.signal })
    } catch (error) {
      if (work.signal.aborted) return
      const { status } = this.#statusOf(error, request)
      const body = JSON.stringify(status)
      socket.end(
        `HTTP/1.1 ${status.code} ${status.reason ?? 'Error'}\r\nContent-Type: application/json\r\n` +
          `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
      )
    }
  }

  /** Gives up all that is under way. */
  [Symbol.dispose](): void {
    for (const controller of this.#running) controller.abort(new Error('The API server closes'))
  }

  /** The user, after impersonation; throws 401 or 403. */
  #userOf(request: IncomingMessage, info: RequestInfo): User {
    const { authenticator, authorizer } = this.#parts
    const caller = authenticator.authenticate({
      certificate: certificateOf(socketOf(request)),
      authorization: request.headers.authorization,
      webSocketProtocols: request.headers['sec-websocket-protocol'],
    })
    const attributes = requestAttributes(info)
    const user = impersonatedUser(caller, distinctHeaders(request), { authorizer, attributes })
    requireAllowed(authorizer, user, attributes)
    return user
  }

  #work(stream: ServerResponse | Duplex): Disposable & { readonly signal: AbortSignal } {
    const controller = new AbortController()
    this.#running.add(controller)
    const onClose = (): void => controller.abort(new Error('The client is gone'))
    stream.once('close', onClose)
    return {
      signal: controller.signal,
      [Symbol.dispose]: () => {
        this.#running.delete(controller)
        stream.removeListener('close', onClose)
      },
    }
  }

  #refuse(response: ServerResponse, status: StatusError, warnings: readonly string[]): void {
    try {
      sendStatus(response, status, warnings)
    } catch (error) {
      // One answer that cannot be sent must not end the process, and with it all the others.
      this.#parts.log.error({ error: messageOf(error) }, 'Refusal could not be sent')
      response.destroy()
    }
  }

  #statusOf(error: unknown, { method, url }: IncomingMessage): StatusError {
    if (error instanceof StatusError) return error
    if (error instanceof StorageFailure) return storageError(error.message)
    if (error instanceof VkError && error.code === 'Unavailable') {
      return serviceUnavailable(error.message)
    }
    const path = url?.split('?', 1)[0]
    const stack = error instanceof Error ? error.stack : undefined
    this.#parts.log.error({ method, path, error: messageOf(error), stack }, 'Request failed')
    return internalError('the request could not be served')
  }
}

function socketOf(request: IncomingMessage): Partial<TLSSocket> {
  const { stream } = request as unknown as Partial<Http2ServerRequest>
  return (stream?.session?.socket ?? request.socket) as Partial<TLSSocket>
}

// A connection keeps its certificate, and decoding one takes as long as a small answer.
const certificates = new WeakMap<object, X509Certificate>()

function certificateOf(socket: Partial<TLSSocket>): X509Certificate | undefined {
  let certificate = certificates.get(socket)
  if (certificate) return certificate
  certificate = socket.getPeerX509Certificate?.()
  if (certificate) certificates.set(socket, certificate)
  return certificate
}

/** Every value of a header on its own; node joins repeated ones, whose values may hold commas. */
function distinctHeaders({ rawHeaders }: IncomingMessage): Record<string, string[]> {
  // Without a prototype, for whoever sends a header called __proto__.
  const headers = Object.create(null) as Record<string, string[]>
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase()
    ;(headers[name] ??= []).push(rawHeaders[index + 1] ?? '')
  }
  return headers
}
