// SPDX-License-Identifier: Apache-2.0
// The server's side of a SPDY/3.1 connection. One loop reads it: frames are taken in order, every stream
// is answered at once, and reading pauses while a stream, or all together, hold more than they may.
import type { Duplex } from 'node:stream'
import type { Clock } from '../../../util/clock.ts'
import { IdleWatch } from '../idle-watch.ts'
import { FrameReader } from './frame-reader.ts'
import type { Frame } from './frame-reader.ts'
import { decodeHeaders, encodeHeaders } from './header-block.ts'
import { HeaderDeflater, HeaderInflater } from './header-compression.ts'
import { ProtocolError } from './protocol-error.ts'
import {
  dataHead,
  frameTypes,
  goAwayFrame,
  headersFrame,
  pingFrame,
  resetFrame,
  resetStatus,
} from './spdy-frames.ts'
import type { ResetStatus } from './spdy-frames.ts'
import { SpdyStream } from './spdy-stream.ts'
import type { StreamCarrier } from './spdy-stream.ts'

export interface SpdySessionOptions {
  readonly clock: Clock
  /** The connection ends when no frame has come or gone for so long. */
  readonly idleTimeoutMs: number
  /** A new stream; throwing resets it. It has been answered already. */
  readonly onStream: (stream: SpdyStream) => void
}

/** Beyond so many open streams of a connection, more are refused. */
export const maxStreams = 2000
/** Received and unread: of one stream, and of all together. */
const maxStreamBytes = 256 * 1024
const maxSessionBytes = 4 * 1024 * 1024
/** Answers that wait for a peer who sends but does not read. */
const maxUnsentBytes = 1024 * 1024
const maxDataLength = 1024 * 1024
/** Below it a frame goes out as one piece. */
const copyBelow = 8 * 1024
/** How long the peer may take to close after us. */
const lingerMs = 5000
const noHeaders: Buffer = encodeHeaders(new Map())

/** A connection; `run` serves it until it ends. */
export class SpdySession implements StreamCarrier {
  readonly #socket: Duplex
  readonly #options: SpdySessionOptions
  readonly #reader = new FrameReader()
  readonly #deflater = new HeaderDeflater()
  readonly #ended = new AbortController()
  readonly #idle: IdleWatch
  readonly #streams = new Map<number, SpdyStream>()
  #lastStreamId = 0
  #queuedBytes = 0
  #room: PromiseWithResolvers<void> | undefined
  #unsent: ((error?: Error) => void)[] = []
  #isClosing = false

  constructor(socket: Duplex, options: SpdySessionOptions) {
    this.#socket = socket
    this.#options = options
    this.#idle = new IdleWatch({
      clock: options.clock,
      timeoutMs: options.idleTimeoutMs,
      expire: () => this.close(),
    })
    socket.on('error', () => {})
    socket.on('drain', () => this.#release())
    socket.once('close', () => this.#end('connection is closed'))
  }

  /** Aborts when the connection has ended, for whatever reason. */
  get ended(): AbortSignal {
    return this.#ended.signal
  }

  /** Reads until the connection ends; rejects with a ProtocolError when the peer broke the rules. */
  async run(): Promise<void> {
    using inflater = new HeaderInflater()
    try {
      for await (const chunk of this.#socket as AsyncIterable<Buffer>) {
        this.#idle.note()
        if (this.#isClosing) continue
        for (const frame of this.#reader.read(chunk)) {
          await this.#take(frame, inflater)
          if (this.#ended.signal.aborted) return
        }
      }
    } catch (error) {
      if (error instanceof ProtocolError) throw error
      // The socket broke: the same as its end.
    } finally {
      this.#idle[Symbol.dispose]()
      this.#end('connection is closed')
    }
  }

  /** Ends every open stream, says goodbye and closes; what was sent before still arrives. */
  close(): void {
    if (this.#isClosing || this.#ended.signal.aborted) return
    this.#isClosing = true
    for (const stream of this.#streams.values()) {
      if (!stream.isOver) this.#send(resetFrame(stream.id, resetStatus.cancel))
      stream.receiveReset('connection is closed')
    }
    this.#streams.clear()
    this.#send(goAwayFrame(this.#lastStreamId))
    // Half closed, and read on: data that nobody takes would make the kernel throw away ours.
    this.#socket.end()
    this.#wakeReader()
    const { clock } = this.#options
    const timer = clock.setTimer(lingerMs, () => this.#socket.destroy())
    this.#ended.signal.addEventListener('abort', () => timer[Symbol.dispose](), { once: true })
  }

  sendData(stream: SpdyStream, bytes: Buffer, sent: (error?: Error) => void): void {
    if (this.#ended.signal.aborted || this.#isClosing)
      return sent(new Error('connection is closed'))
    let hasRoom = true
    for (let at = 0; at < bytes.length; at += maxDataLength) {
      const piece = bytes.subarray(at, at + maxDataLength)
      hasRoom = this.#sendPiece(dataHead(stream.id, { length: piece.length, isLast: false }), piece)
    }
    if (hasRoom) sent()
    else this.#unsent.push(sent)
  }

  sendFin(stream: SpdyStream): void {
    this.#send(dataHead(stream.id, { length: 0, isLast: true }))
    this.#forgetIfOver(stream)
  }

  sendReset(stream: SpdyStream, status: ResetStatus): void {
    this.#send(resetFrame(stream.id, status))
    this.#streams.delete(stream.id)
  }

  taken(byteCount: number): void {
    this.#queuedBytes -= byteCount
    if (byteCount > 0) this.#wakeReader()
  }

  async #take(frame: Frame, inflater: HeaderInflater): Promise<void> {
    switch (frame.kind) {
      case 'synStream': {
        // Also when it is refused: later blocks refer to it.
        const headers = decodeHeaders(await inflater.inflate(frame.block))
        this.#open(frame, headers)
        break
      }
      case 'synReply':
      case 'headers':
        decodeHeaders(await inflater.inflate(frame.block))
        break
      case 'data':
        await this.#receive(frame)
        break
      case 'rstStream':
        this.#streams.get(frame.streamId)?.receiveReset('stream is reset by the peer')
        this.#streams.delete(frame.streamId)
        break
      case 'ping':
        // Even ids would be answers to pings of ours.
        if (frame.id % 2 === 1) this.#send(pingFrame(frame.id))
        break
      case 'goAway':
      case 'ignored':
        break
    }
    while (this.#socket.writableLength > maxUnsentBytes && !this.#ended.signal.aborted) {
      await this.#whenWoken()
    }
  }

  #open(
    frame: Extract<Frame, { kind: 'synStream' | 'synReply' | 'headers' }>,
    headers: ReadonlyMap<string, readonly string[]>,
  ): void {
    const { streamId: id, isLast } = frame
    if (id % 2 === 0 || id <= this.#lastStreamId) {
      this.#send(resetFrame(id, resetStatus.protocolError))
      return
    }
    this.#lastStreamId = id
    if (this.#streams.size >= maxStreams) {
      this.#send(resetFrame(id, resetStatus.refused))
      return
    }
    const stream = new SpdyStream(this, { id, headers })
    this.#streams.set(id, stream)
    const block = this.#deflater.deflate(noHeaders)
    this.#send(headersFrame(frameTypes.synReply, { fixed: [id], block }))
    if (isLast) stream.receiveEnd()
    this.#options.onStream(stream)
  }

  async #receive({ streamId, bytes, isLast }: Extract<Frame, { kind: 'data' }>): Promise<void> {
    const stream = this.#streams.get(streamId)
    if (stream === undefined) return
    if (!stream.destroyed && !stream.hasRemoteEnded) {
      this.#queuedBytes += bytes.length
      stream.receive(bytes)
    }
    if (isLast) {
      stream.receiveEnd()
      this.#forgetIfOver(stream)
    }
    while (
      (stream.queuedBytes > maxStreamBytes || this.#queuedBytes > maxSessionBytes) &&
      !this.#isClosing &&
      !this.#ended.signal.aborted
    ) {
      await this.#whenWoken()
    }
  }

  #forgetIfOver(stream: SpdyStream): void {
    if (stream.isOver) this.#streams.delete(stream.id)
  }

  /** False when the peer should be given time to read. */
  #send(bytes: Buffer): boolean {
    if (this.#ended.signal.aborted || !this.#socket.writable) return true
    this.#idle.note()
    return this.#socket.write(bytes)
  }

  #sendPiece(head: Buffer, piece: Buffer): boolean {
    if (piece.length < copyBelow) return this.#send(Buffer.concat([head, piece]))
    this.#socket.cork()
    this.#send(head)
    const hasRoom = this.#send(piece)
    this.#socket.uncork()
    return hasRoom
  }

  #whenWoken(): Promise<void> {
    this.#room ??= Promise.withResolvers<void>()
    return this.#room.promise
  }

  #wakeReader(): void {
    this.#room?.resolve()
    this.#room = undefined
  }

  /** The socket takes more again. */
  #release(error?: Error): void {
    const waiting = this.#unsent
    this.#unsent = []
    for (const sent of waiting) sent(error)
    this.#wakeReader()
  }

  #end(reason: string): void {
    if (this.#ended.signal.aborted) return
    this.#ended.abort(new DOMException(reason, 'AbortError'))
    this.#release(new Error(reason))
    for (const stream of this.#streams.values()) stream.receiveReset(reason)
    this.#streams.clear()
    this.#socket.destroy()
  }
}
