// SPDX-License-Identifier: Apache-2.0
// Exec and attach over WebSocket: five numbered channels in one connection. Since version 4 the outcome
// is a Status; since version 5 a client can end its input.
import { Writable } from 'node:stream'
import type { RawData } from 'ws'
import type { StreamChoice, TerminalSize } from '../../../provider/streams.ts'
import type { CommandConnection, Outcome } from '../remote-command/command-connection.ts'
import { failureTextOf, statusOf } from '../remote-command/command-status.ts'
import { ResizeFeed } from '../remote-command/resize-feed.ts'
import type { Clock } from '../../../util/clock.ts'
import { IdleWatch } from '../idle-watch.ts'
import type { StreamingDeps } from '../stream-options.ts'
import { sendWithPressure } from './accept-websocket.ts'
import type { AcceptedWebSocket } from './accept-websocket.ts'
import { base64Channels, binaryChannels } from './channels.ts'
import type { ChannelCodec } from './channels.ts'
import { MessageReader } from './message-reader.ts'

export const websocketCommandProtocols = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
  'base64.channel.k8s.io',
] as const

export type WebSocketCommandProtocol = (typeof websocketCommandProtocols)[number] | ''

const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const
/** Of version 5: the byte after it names a channel on which the client says no more. */
const closeSignal = 255
const normalClosure = 1000
/** How long the client may take to answer the close. */
const lingerMs = 5000
const protocolError = 1002

/** What the streams of a command are made from. */
export interface CommandParts {
  readonly choice: StreamChoice
  readonly protocol: WebSocketCommandProtocol
  readonly deps: StreamingDeps
}

/** The client's end of exec or attach. Dispose it when the command is over. */
export class WebSocketCommand implements CommandConnection, Disposable {
  readonly stdin?: MessageReader
  readonly stdout?: Writable
  readonly stderr?: Writable
  readonly #accepted: AcceptedWebSocket
  readonly #protocol: WebSocketCommandProtocol
  readonly #codec: ChannelCodec
  readonly #ended = Promise.withResolvers<void>()
  readonly #sizes = new ResizeFeed()
  readonly #idle: IdleWatch
  readonly #clock: Clock

  constructor(accepted: AcceptedWebSocket, { choice, protocol, deps }: CommandParts) {
    const { websocket } = accepted
    this.#accepted = accepted
    this.#protocol = protocol
    this.#clock = deps.clock
    this.#codec = protocol.includes('base64') ? base64Channels : binaryChannels
    if (choice.stdin) this.stdin = new MessageReader(websocket)
    if (choice.stdout) this.stdout = this.#writer(channels.stdout)
    if (choice.stderr) this.stderr = this.#writer(channels.stderr)
    this.#idle = new IdleWatch({
      clock: deps.clock,
      timeoutMs: deps.limits.idleTimeoutMs,
      expire: () => websocket.terminate(),
    })
    websocket.on('message', (data) => this.#take(bytesOf(data)))
    websocket.on('ping', () => this.#idle.note())
    websocket.once('close', () => this.#end())
    // Tells clients that the connection is there before anything is printed.
    const first = choice.stdout ? channels.stdout : choice.stderr ? channels.stderr : channels.error
    websocket.send(this.#codec.encode(first, Buffer.alloc(0)))
  }

  onResize(resized: (size: TerminalSize) => void): void {
    this.#sizes.listen(resized)
  }

  /** There is no way to say it. */
  endInput(): void {}

  async finish(outcome: Outcome): Promise<void> {
    const { websocket } = this.#accepted
    const hasStatus = this.#protocol.startsWith('v')
    const text = hasStatus ? statusOf(outcome) : failureTextOf(outcome)
    if (text !== '') await this.#send(channels.error, Buffer.from(text)).catch(() => {})
    websocket.resume()
    websocket.close(normalClosure)
    using _timer = this.#clock.setTimer(lingerMs, this.#ended.resolve)
    await this.#ended.promise
  }

  [Symbol.dispose](): void {
    this.#idle[Symbol.dispose]()
    this.#accepted.websocket.terminate()
  }

  #take(message: Buffer): void {
    this.#idle.note()
    if (this.#protocol === 'v5.channel.k8s.io' && message[0] === closeSignal) {
      this.#takeClose(message)
      return
    }
    const decoded = this.#codec.decode(message)
    if (decoded?.channel === channels.stdin) this.stdin?.receive(decoded.bytes)
    if (decoded?.channel === channels.resize) this.#sizes.take(decoded.bytes.toString('utf8'))
  }

  #takeClose(message: Buffer): void {
    const channel = message[1]
    if (message.length !== 2 || channel === undefined || channel > channels.resize) {
      this.#accepted.websocket.close(protocolError, 'bad close signal')
    } else if (channel === channels.stdin) {
      this.stdin?.receiveEnd()
    }
  }

  #writer(channel: number): Writable {
    const writer = new Writable({
      write: (bytes: Buffer, _encoding, done) => {
        this.#idle.note()
        sendWithPressure(this.#accepted, this.#codec.encode(channel, bytes), done)
      },
    })
    writer.on('error', () => {})
    return writer
  }

  #send(channel: number, bytes: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      sendWithPressure(this.#accepted, this.#codec.encode(channel, bytes), (error) =>
        error ? reject(error) : resolve(),
      )
    })
  }

  #end(): void {
    this.#ended.resolve()
    this.#idle[Symbol.dispose]()
    for (const stream of [this.stdin, this.stdout, this.stderr]) stream?.destroy()
  }
}

/** One piece, as the server is set up to hand them out. */
function bytesOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data)
  return Buffer.isBuffer(data) ? data : Buffer.from(data)
}
