// SPDX-License-Identifier: Apache-2.0
// The WebSocket handshake: which subprotocol, and a socket that is set up for streams. No compression:
// it costs more than it saves inside a data centre, and memory for each connection.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'
import { webSocketTokenPrefix } from '../../authentication/bearer-token.ts'
import { noteForeignMemory } from '../../../util/foreign-memory.ts'
import { onceWritable } from '../../../util/once-writable.ts'
import type { UpgradeOffer } from '../../listener.ts'
import type { TextAnswer } from '../../text-response.ts'

/** A client may send messages up to this size; some libraries send a whole file as one. */
const maxMessageBytes = 32 * 1024 * 1024

/** An open WebSocket and the connection below it. */
export interface AcceptedWebSocket {
  readonly websocket: WebSocket
  /** For its back-pressure only. */
  readonly socket: Duplex
}

/** The client's first subprotocol that we know, empty when it offers none, or what to answer. */
export function chooseSubprotocol<T extends string>(
  { headers }: IncomingMessage,
  known: readonly T[],
): { readonly protocol: T | '' } | { readonly answer: TextAnswer } {
  const wanted = (headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '' && !text.startsWith(webSocketTokenPrefix))
  if (wanted.length === 0) return { protocol: '' }
  const protocol = wanted.map((name) => known.find((other) => other === name)).find(Boolean)
  if (protocol !== undefined) return { protocol }
  const text = `unable to upgrade: none of the subprotocols is supported, the server accepts [${known.join(' ')}]`
  return { answer: { status: 403, text } }
}

/** Shakes hands; undefined when the request was no proper handshake, which has then been answered. */
export async function acceptWebSocket(
  request: IncomingMessage,
  offer: UpgradeOffer,
  protocol: string,
): Promise<AcceptedWebSocket | undefined> {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    skipUTF8Validation: true,
    handleProtocols: () => (protocol === '' ? false : protocol),
  })
  // Kubernetes' name for the tunnel has a slash in it, which is no token: ws must not see it. What it
  // answers is what we say.
  if (protocol !== '') request.headers['sec-websocket-protocol'] = 'chosen'
  const { socket, head } = offer.take()
  const { promise, resolve } = Promise.withResolvers<AcceptedWebSocket | undefined>()
  socket.once('close', () => resolve(undefined))
  server.handleUpgrade(request, socket, head, (websocket) => {
    websocket.on('error', () => {})
    resolve({ websocket, socket })
  })
  return await promise
}

/** Sends a message; calls back at once, or when the client has taken some of what waits. */
export function sendWithPressure(
  { websocket, socket }: AcceptedWebSocket,
  message: Buffer | string,
  sent: (error?: Error) => void,
): void {
  if (websocket.readyState !== websocket.OPEN) return sent(new Error('connection is closed'))
  noteForeignMemory(message.length)
  websocket.send(message, { binary: typeof message !== 'string' })
  onceWritable(socket, sent)
}
