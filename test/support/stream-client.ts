// SPDX-License-Identifier: Apache-2.0
// Upgrades as clients of the kubelet API ask for them, over real TLS.
import { randomBytes } from 'node:crypto'
import * as https from 'node:https'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import { WebSocket } from 'ws'
import { SpdyClient } from './spdy-client.ts'

/** A refused upgrade. */
export interface Refusal {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Asks for SPDY with these subprotocols; a client, or what was answered instead. */
export async function upgradeToSpdy(options: {
  readonly port: number
  readonly path: string
  readonly protocols: readonly string[]
  /** Sent behind the request, in the same segment. */
  readonly eager?: Buffer
}): Promise<{ readonly client: SpdyClient; readonly protocol: string } | Refusal> {
  const { port, path, protocols } = options
  const request = https.request({
    host: '127.0.0.1',
    port,
    path,
    method: 'POST',
    agent: false,
    rejectUnauthorized: false,
    headers: {
      connection: 'Upgrade',
      upgrade: 'SPDY/3.1',
      'content-length': '0',
      ...(protocols.length > 0 && { 'x-stream-protocol-version': [...protocols] }),
    },
  })
  const { promise, resolve, reject } = Promise.withResolvers<
    { readonly client: SpdyClient; readonly protocol: string } | Refusal
  >()
  request.once('error', reject)
  request.once('upgrade', (response: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (head.length > 0) socket.unshift(head)
    const protocol = String(response.headers['x-stream-protocol-version'])
    resolve({ client: new SpdyClient(socket), protocol })
  })
  request.once('response', (response) => {
    text(response).then(
      (body) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      reject,
    )
  })
  request.end(options.eager)
  return await promise
}

/** As `upgradeToSpdy`, where the upgrade is expected. */
export async function openSpdy(options: Parameters<typeof upgradeToSpdy>[0]): Promise<SpdyClient> {
  const result = await upgradeToSpdy(options)
  if ('client' in result) return result.client
  throw new Error(`Upgrade refused: ${result.status} ${result.body}`)
}

/** Messages of a WebSocket client, kept as they come. */
export class WebSocketClient {
  readonly messages: Buffer[] = []
  readonly isText: boolean[] = []
  closeCode: number | undefined
  readonly socket: WebSocket
  readonly protocol: string
  #waiting: (() => void)[] = []

  constructor(socket: WebSocket, protocol: string) {
    this.socket = socket
    this.protocol = protocol
    socket.on('message', (data: Buffer, isBinary) => {
      this.messages.push(data)
      this.isText.push(!isBinary)
      this.#wake()
    })
    socket.on('close', (code) => {
      this.closeCode = code
      this.#wake()
    })
    socket.on('error', () => {})
  }

  /** All that came on a channel. */
  channel(number: number): string {
    const own = this.messages.filter((message) => message[0] === number)
    return Buffer.concat(own.map((message) => message.subarray(1))).toString()
  }

  send(channel: number, bytes: string | Buffer): void {
    this.socket.send(Buffer.concat([Buffer.from([channel]), Buffer.from(bytes as string)]))
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.closeCode !== undefined) throw new Error(`Closed with ${this.closeCode}`)
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  async untilClosed(): Promise<number> {
    while (this.closeCode === undefined) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    return this.closeCode
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}

/** Opens a WebSocket; a client, or what was answered instead. */
export async function openWebSocket(options: {
  readonly port: number
  readonly path: string
  readonly protocols?: readonly string[]
}): Promise<WebSocketClient | Refusal> {
  const { port, path, protocols = [] } = options
  // The handshake by hand: the library refuses Kubernetes' name for the tunnel, which is no token.
  const request = https.request({
    host: '127.0.0.1',
    port,
    path,
    agent: false,
    rejectUnauthorized: false,
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': randomBytes(16).toString('base64'),
      ...(protocols.length > 0 && { 'sec-websocket-protocol': protocols.join(', ') }),
    },
  })
  const { promise, resolve, reject } = Promise.withResolvers<WebSocketClient | Refusal>()
  request.once('error', reject)
  request.once('upgrade', (response: IncomingMessage, socket: Duplex, head: Buffer) => {
    const protocol = response.headers['sec-websocket-protocol'] ?? ''
    resolve(new WebSocketClient(clientOver(socket, head), protocol))
  })
  request.once('response', (response) => {
    text(response).then(
      (body) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      reject,
    )
  })
  request.end()
  return await promise
}

/** What ws does itself after a handshake of its own. */
interface OpenableWebSocket {
  _isServer: boolean
  setSocket(socket: Duplex, head: Buffer, options: { readonly maxPayload: number }): void
}

function clientOver(socket: Duplex, head: Buffer): WebSocket {
  // Its types know only sockets that make a connection themselves.
  const websocket = new WebSocket(null as never, undefined, {})
  const openable = websocket as unknown as OpenableWebSocket
  openable._isServer = false
  openable.setSocket(socket, head, { maxPayload: 0 })
  return websocket
}
