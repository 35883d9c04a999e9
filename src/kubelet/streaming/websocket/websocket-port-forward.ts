// SPDX-License-Identifier: Apache-2.0
// Port-forward of older WebSocket clients: the ports are in the query, each has a channel for data and
// one for what goes wrong, and there is one connection to each.
import { Writable } from 'node:stream'
import type { RawData } from 'ws'
import { IdleWatch } from '../idle-watch.ts'
import { forwardPort } from '../port-forward/forward-port.ts'
import type { PortTarget } from '../port-forward/forward-port.ts'
import { parsePort } from '../port-forward/stream-pairs.ts'
import type { StreamingDeps } from '../stream-options.ts'
import { sendWithPressure } from './accept-websocket.ts'
import type { AcceptedWebSocket } from './accept-websocket.ts'
import { base64Channels, binaryChannels } from './channels.ts'
import type { ChannelCodec } from './channels.ts'
import { MessageReader } from './message-reader.ts'

export const websocketPortForwardProtocols = [
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
  'base64.channel.k8s.io',
] as const

/** As many as there are pairs of channels in one byte. */
const maxPorts = 127
const normalClosure = 1000

/** The ports that a query asks for, or why it cannot be served. */
export function portsOf(
  query: URLSearchParams,
): { readonly ports: readonly number[] } | { readonly why: string } {
  const texts = query
    .getAll('port')
    .flatMap((text) => text.split(','))
    .map((text) => text.trim())
  if (texts.length === 0) return { why: 'query parameter "port" is required' }
  if (texts.length > maxPorts) return { why: 'too many ports' }
  const ports: number[] = []
  for (const text of texts) {
    const port = parsePort(text)
    if (port === undefined) return { why: `port ${JSON.stringify(text)} is not valid` }
    ports.push(port)
  }
  return { ports }
}

export interface WebSocketPortForwardOptions {
  readonly ports: readonly number[]
  readonly protocol: string
  readonly target: PortTarget
  readonly deps: StreamingDeps
  readonly signal: AbortSignal
}

/** Serves the client until every port is done with or it leaves; never rejects. */
export async function serveWebSocketPorts(
  accepted: AcceptedWebSocket,
  { ports, protocol, target, deps, signal }: WebSocketPortForwardOptions,
): Promise<void> {
  const { websocket } = accepted
  const codec = protocol.includes('base64') ? base64Channels : binaryChannels
  const gone = new AbortController()
  using idle = new IdleWatch({
    clock: deps.clock,
    timeoutMs: deps.limits.idleTimeoutMs,
    expire: () => websocket.terminate(),
  })
  const inputs = ports.map(() => new MessageReader(websocket))
  websocket.once('close', () => {
    gone.abort(new DOMException('The client closed the connection', 'AbortError'))
    for (const input of inputs) input.destroy()
  })
  websocket.on('ping', () => idle.note())
  websocket.on('message', (data: RawData) => {
    idle.note()
    const decoded = codec.decode(Buffer.from(data as Buffer))
    if (decoded && decoded.channel % 2 === 0) inputs[decoded.channel / 2]?.receive(decoded.bytes)
  })
  const ended = AbortSignal.any([gone.signal, signal])
  await Promise.all(
    ports.map(async (port, i) => {
      const input = inputs[i]
      if (input) await servePort({ accepted, codec, idle }, { port, i, input }, { target, ended })
    }),
  )
  websocket.close(normalClosure)
}

async function servePort(
  way: {
    readonly accepted: AcceptedWebSocket
    readonly codec: ChannelCodec
    readonly idle: IdleWatch
  },
  { port, i, input }: { readonly port: number; readonly i: number; readonly input: MessageReader },
  { target, ended }: { readonly target: PortTarget; readonly ended: AbortSignal },
): Promise<void> {
  const [output, error] = [2 * i, 2 * i + 1].map((channel) => writer(channel, way))
  if (!output || !error) return
  // Both begin by naming the port they are for.
  const name = Buffer.alloc(2)
  name.writeUInt16LE(port)
  output.write(name)
  error.write(name)
  const abandon = (): void => {
    input.destroy()
    output.destroy()
  }
  const client = { port, input, output, halfCloses: false, abandon }
  const failed = await forwardPort(client, target, ended)
  if (failed !== undefined) error.write(failed)
}

interface ChannelParts {
  readonly accepted: AcceptedWebSocket
  readonly codec: ChannelCodec
  readonly idle: IdleWatch
}

function writer(channel: number, { accepted, codec, idle }: ChannelParts): Writable {
  const stream = new Writable({
    write: (bytes: Buffer, _encoding, done) => {
      idle.note()
      sendWithPressure(accepted, codec.encode(channel, bytes), done)
    },
  })
  stream.on('error', () => {})
  return stream
}
