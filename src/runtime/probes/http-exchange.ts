// SPDX-License-Identifier: Apache-2.0
// One GET on a connection of its own: nothing of a workload's server is trusted, neither its certificate
// nor that it ends, so that everything has a bound. No proxy of ours is used.
import { Agent, request as requestHttp, type ClientRequest, type IncomingMessage } from 'node:http'
import { Agent as TlsAgent, request as requestHttps } from 'node:https'
import { isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import type { HttpRequest } from './http-request.ts'

export interface HttpAnswer {
  readonly status: number
  readonly location?: string
  /** Of the body not more than was asked for. */
  readonly body: string
}

export interface ExchangeOptions {
  readonly signal: AbortSignal
  readonly maxBodyBytes: number
  /** A connection to the host and port that is there already; it is destroyed at the end. Left out: one is made. */
  readonly connection?: Duplex
  /** An answer has begun. */
  readonly onHeaders?: () => void
}

/** Headers came, but the body did not come to its end. */
export class BrokenBodyError extends Error {}

const maxHeaderBytes = 1024 * 1024
/** Before the answer proper; a server could send them for ever. */
const maxInformational = 5
const plainAgent = new Agent({ keepAlive: false })
const tlsAgent = new TlsAgent({ keepAlive: false, maxCachedSessions: 0 })

/**
 * Resolves with the answer as soon as its body has ended or reached `maxBodyBytes`. Rejects with the
 * error of the socket or the parser, or with the signal's reason.
 */
export function exchange(
  request: HttpRequest,
  { signal, maxBodyBytes, connection, onHeaders }: ExchangeOptions,
): Promise<HttpAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>()
  let sent: ClientRequest | undefined
  const onAbort = (): void => settle(() => reject(signal.reason))
  const settle = (how: () => void): void => {
    signal.removeEventListener('abort', onAbort)
    how()
    sent?.destroy()
    connection?.destroy()
  }
  try {
    signal.throwIfAborted()
    sent = send(request, connection)
    signal.addEventListener('abort', onAbort, { once: true })
    sent.on('response', (response) => {
      onHeaders?.()
      readBody(response, maxBodyBytes).then(
        (body) => settle(() => resolve(answerOf(response, body))),
        (error) => settle(() => reject(error)),
      )
    })
    boundInformational(sent, (error) => settle(() => reject(error)))
    // Another protocol is of no use here, but it is an answer.
    sent.on('upgrade', (response) => settle(() => resolve(answerOf(response, ''))))
    // After an answer has begun it is told of its end, too.
    sent.on('error', (error) => settle(() => reject(error)))
    sent.once('close', () => sever(sent?.socket))
    sent.end()
  } catch (error) {
    settle(() => reject(error))
  }
  return promise
}

function boundInformational(sent: ClientRequest, exceeded: (error: Error) => void): void {
  let count = 0
  sent.on('information', () => {
    count += 1
    if (count <= maxInformational) return
    exceeded(new Error('net/http: too many 1xx informational responses'))
  })
}

function send(
  { scheme, host, port, path, headers }: HttpRequest,
  connection: Duplex | undefined,
): ClientRequest {
  const options = { host, port, path, headers, maxHeaderSize: maxHeaderBytes }
  if (scheme !== 'http' && scheme !== 'https') {
    throw new Error(`unsupported protocol scheme "${scheme}"`)
  }
  // Names are told to servers that choose their certificate by it; addresses never are.
  const tls = { rejectUnauthorized: false, servername: isIP(host) ? '' : host }
  if (connection) {
    const isPlain = scheme === 'http'
    const createConnection = (): Duplex =>
      isPlain ? connection : connectTls({ ...tls, socket: connection })
    return requestHttp({ ...options, createConnection, defaultPort: isPlain ? 80 : 443 })
  }
  if (scheme === 'http') return requestHttp({ ...options, agent: plainAgent })
  return requestHttps({ ...options, ...tls, agent: tlsAgent })
}

/**
 * Node.js holds a socket that was closed until the whole heap is collected, and with it all that it names: the
 * request, the answer and everything that waited for them, 9 KB a probe.
 */
function sever(socket: (Socket & { _httpMessage?: unknown }) | null | undefined): void {
  if (!socket) return
  socket.removeAllListeners()
  socket.on('error', ignore)
  socket._httpMessage = undefined
}

function ignore(): void {
  // All is over.
}

/** The beginning of the body; rejects when it breaks off before its end. */
function readBody(response: IncomingMessage, maxBytes: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const chunks: Buffer[] = []
  let length = 0
  const finish = (): void => {
    response.removeListener('close', fail)
    resolve(Buffer.concat(chunks).subarray(0, maxBytes).toString('utf8'))
  }
  const fail = (): void => reject(new BrokenBodyError('the body broke off'))
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    length += chunk.length
    if (length >= maxBytes) finish()
  })
  response.on('end', finish)
  response.on('close', fail)
  response.on('error', () => {
    // `close` follows.
  })
  if (maxBytes === 0) finish()
  return promise
}

function answerOf({ statusCode = 0, headers }: IncomingMessage, body: string): HttpAnswer {
  const { location } = headers
  return { status: statusCode, body, ...(location !== undefined && { location }) }
}
