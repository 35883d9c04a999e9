// SPDX-License-Identifier: Apache-2.0
// The server's side of a SPDY/3.1 connection. One loop reads it: frames are taken in order, every stream
// is answered at once, and reading pauses while a stream, or all together, hold more than they may.
import type { Duplex } from 'node:stream'
import type { Clock } from '../../../util/clock.ts'
import { readDirectly } from '../../../util/direct-reading.ts'
import { noteForeignMemory } from '../../../util/foreign-memory.ts'
import { IdleWatch } from '../idle-watch.ts'
import { FrameReader } from './frame-reader.ts'
import type { Frame } from './frame-reader.ts'
import { GatheredData } from './gathered-data.ts'
import { decodeHeaders } from './header-block.ts'
import { emptyBlocks, HeaderInflater } from './header-compression.ts'
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
import { SpdyStream, weightOf } from './spdy-stream.ts'
import type { StreamCarrier } from './spdy-stream.ts'

export interface SpdySessionOptions {
  readonly clock: Clock
  /** The connection ends when no frame has come or gone for so long. */
  readonly idleTimeoutMs: number
  /** A new stream, which has been answered already; must not throw. */
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
/** Data that waits while the socket writes: two pieces of a pipe, or one that was gathered. More leaves the cache. */
const maxWaitingBytes = 72 * 1024
/** Below it a frame goes out as one piece. */
const copyBelow = 8 * 1024
/** How long the peer may take to close after us. */
const lingerMs = 5000
// Made once: the stack of an error costs more than ending a stream.
const closed = new Error('connection is closed')
const resetByPeer = new Error('stream is reset by the peer')
const isOver = new DOMException('connection is closed', 'AbortError')

/** Outside of any closure, as a socket holds on to it. */
const ignoreError = (): void => {}

/** A connection; `run` serves it until it ends. */
export class SpdySession implements StreamCarrier {
  readonly #socket: Duplex
  readonly #options: SpdySessionOptions
  readonly #reader = new FrameReader()
  readonly #inflater = new HeaderInflater()
  /** Made when somebody asks: an abort signal costs more than the streams of an exec. */
  #ended: AbortController | undefined
  readonly #idle: IdleWatch
  readonly #streams = new Map<number, SpdyStream>()
  #lastStreamId = 0
  #queuedBytes = 0
  readonly #gathered = new GatheredData<SpdyStream>((stream, piece) => this.#deliver(stream, piece))
  /** There while bytes come past the socket's own queue. */
  #directly: Disposable | undefined
  /** The last chunk did, so that its memory is used again. */
  #isDirect = false
  /** After it there was no room: the socket is paused. */
  #stoppedAfter: Frame | undefined
  readonly #over = Promise.withResolvers<void>()
  #unsent: ((error?: Error) => void)[] = []
  #hasReplied = false
  #isClosing = false
  #hasEnded = false
  /** After it the peer has had its time to close. */
  #lingering: Disposable | undefined
  /** The socket is corked until the end of this turn. */
  #isGathering = false
  readonly #onData = (chunk: Buffer): void => this.#receiveChunk(chunk)
  readonly #onDrain = (): void => this.#release()

  constructor(socket: Duplex, options: SpdySessionOptions) {
    this.#socket = socket
    this.#options = options
    this.#idle = new IdleWatch({
      clock: options.clock,
      timeoutMs: options.idleTimeoutMs,
      expire: () => this.close(),
    })
    socket.on('error', ignoreError)
    socket.on('drain', this.#onDrain)
    socket.once('close', () => this.#end())
  }

  /** Aborts when the connection has ended, for whatever reason. */
  get ended(): AbortSignal {
    this.#ended ??= new AbortController()
    if (this.#hasEnded) this.#ended.abort(isOver)
    return this.#ended.signal
  }

  /** Reads until the connection ends; rejects with a ProtocolError when the peer broke the rules. */
  async run(): Promise<void> {
    const socket = this.#socket
    socket.on('data', this.#onData)
    this.#directly = readDirectly(socket, (bytes) => this.#receiveDirectly(bytes))
    // A socket that breaks is as good as one that ends; it closes then.
    socket.once('end', () => this.#over.resolve())
    socket.once('close', () => this.#over.resolve())
    try {
      await this.#over.promise
    } finally {
      this.#idle[Symbol.dispose]()
      this.#end()
    }
  }

  /** Ends every open stream, says goodbye and closes; what was sent before still arrives. */
  close(): void {
    if (this.#isClosing || this.#hasEnded) return
    this.#gathered.flush()
    this.#isClosing = true
    this.#socket.cork()
    for (const stream of this.#streams.values()) {
      if (!stream.isOver) this.#send(resetFrame(stream.id, resetStatus.cancel))
      stream.receiveReset(closed)
    }
    this.#streams.clear()
    this.#send(goAwayFrame(this.#lastStreamId))
    // Half closed, and read on: data that nobody takes would make the kernel throw away ours.
    this.#socket.end()
    this.#wakeReader()
    const { clock } = this.#options
    this.#lingering = clock.setTimer(lingerMs, () => this.#socket.destroy())
  }

  sendData(stream: SpdyStream, pieces: readonly Buffer[], sent: (error?: Error) => void): void {
    if (this.#hasEnded || this.#isClosing) return sent(closed)
    for (const frame of framesOf(pieces)) {
      noteForeignMemory(frame.length)
      this.#sendFrame(stream.id, frame)
    }
    if (this.#socket.writableLength < maxWaitingBytes || !this.#socket.writableNeedDrain) sent()
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

  #receiveChunk(chunk: Buffer): void {
    noteForeignMemory(chunk.length)
    this.#idle.note()
    if (this.#isClosing) return
    this.#isDirect = false
    this.#reader.feed(chunk)
    this.#takeFrames()
  }

  /** Takes all of it, as it cannot be kept: of what the socket had read before a pause, at most 100 KiB. */
  #receiveDirectly(bytes: Buffer): void {
    this.#idle.note()
    if (this.#isClosing) return
    this.#isDirect = true
    this.#reader.feed(bytes)
    this.#takeFrames()
  }

  /** Takes what is left of the chunk: if it lasts, only until there is no room. */
  #takeFrames(): void {
    try {
      for (let frame; (frame = this.#reader.next());) {
        this.#take(frame)
        if (this.#hasEnded) return
        if (!this.#isFull(frame)) continue
        this.#stoppedAfter = frame
        this.#socket.pause()
        if (!this.#isDirect) return
      }
    } catch (error) {
      this.#over.reject(error)
    }
  }

  #take(frame: Frame): void {
    switch (frame.kind) {
      case 'synStream':
        // Also when it is refused: later blocks refer to it.
        this.#open(frame, decodeHeaders(this.#inflater.inflate(frame.block)))
        break
      case 'synReply':
      case 'headers':
        decodeHeaders(this.#inflater.inflate(frame.block))
        break
      case 'data':
        this.#receive(frame)
        break
      case 'rstStream':
        this.#gathered.flush()
        this.#streams.get(frame.streamId)?.receiveReset(resetByPeer)
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
  }

  /** No room for more after this frame: its stream, or all, hold enough, or the peer does not read. */
  #isFull(frame: Frame): boolean {
    if (this.#hasEnded) return false
    if (this.#socket.writableLength > maxUnsentBytes) return true
    if (frame.kind !== 'data' || this.#isClosing) return false
    const streamBytes = this.#streams.get(frame.streamId)?.queuedBytes ?? 0
    return streamBytes > maxStreamBytes || this.#queuedBytes > maxSessionBytes
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
    const block = this.#hasReplied ? emptyBlocks.later : emptyBlocks.first
    this.#hasReplied = true
    this.#send(headersFrame(frameTypes.synReply, { fixed: [id], block }))
    if (isLast) stream.receiveEnd()
    this.#options.onStream(stream)
  }

  #receive({ streamId, bytes, isLast }: Extract<Frame, { kind: 'data' }>): void {
    const stream = this.#streams.get(streamId)
    if (stream === undefined) return
    if (!stream.destroyed && !stream.hasRemoteEnded) {
      this.#gathered.add(stream, bytes, { mayKeep: !this.#isDirect })
    }
    if (isLast) {
      this.#gathered.flush()
      stream.receiveEnd()
      this.#forgetIfOver(stream)
    }
  }

  #deliver(stream: SpdyStream, piece: Buffer): void {
    if (stream.destroyed || stream.hasRemoteEnded) return
    this.#queuedBytes += weightOf(piece)
    stream.receive(piece)
  }

  #forgetIfOver(stream: SpdyStream): void {
    if (stream.isOver) this.#streams.delete(stream.id)
  }

  /** What is sent in one turn of the event loop leaves as one write: each costs both ends a wake-up. */
  #send(bytes: Buffer): void {
    if (this.#hasEnded || !this.#socket.writable) return
    this.#idle.note()
    if (!this.#isGathering) {
      this.#isGathering = true
      this.#socket.cork()
      setImmediate(() => this.#flush())
    }
    this.#socket.write(bytes)
  }

  #flush(): void {
    this.#isGathering = false
    this.#socket.uncork()
  }

  #sendFrame(streamId: number, { pieces, length }: DataFrame): void {
    const head = dataHead(streamId, { length, isLast: false })
    if (length < copyBelow) {
      this.#send(Buffer.concat([head, ...pieces]))
      return
    }
    this.#socket.cork()
    this.#send(head)
    for (const piece of pieces) this.#send(piece)
    this.#socket.uncork()
  }

  /** Goes on with reading, if there is room; in a turn of its own, as readers of streams call it. */
  #wakeReader(): void {
    if (this.#stoppedAfter === undefined) return
    process.nextTick(() => {
      if (this.#stoppedAfter === undefined || this.#isFull(this.#stoppedAfter)) return
      this.#stoppedAfter = undefined
      if (!this.#isClosing) this.#takeFrames()
      if (this.#stoppedAfter === undefined) this.#socket.resume()
    })
  }

  /** The socket takes more again. */
  #release(error?: Error): void {
    const waiting = this.#unsent
    this.#unsent = []
    for (const sent of waiting) sent(error)
    this.#wakeReader()
  }

  #end(): void {
    if (this.#hasEnded) return
    this.#gathered.flush()
    this.#hasEnded = true
    this.#lingering?.[Symbol.dispose]()
    this.#ended?.abort(isOver)
    this.#release(closed)
    for (const stream of this.#streams.values()) stream.receiveReset(closed)
    this.#streams.clear()
    // V8 frees a closed socket late: it must not hold all this until then.
    this.#directly?.[Symbol.dispose]()
    this.#socket.off('data', this.#onData)
    this.#socket.off('drain', this.#onDrain)
    this.#socket.destroy()
  }
}

interface DataFrame {
  readonly pieces: readonly Buffer[]
  readonly length: number
}

/** As few frames as carry these pieces; a longer piece is cut. */
function framesOf(pieces: readonly Buffer[]): readonly DataFrame[] {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
  if (length <= maxDataLength) return [{ pieces, length }]
  return pieces.flatMap((piece) =>
    cut(piece).map((part) => ({ pieces: [part], length: part.length })),
  )
}

function cut(piece: Buffer): readonly Buffer[] {
  const parts: Buffer[] = []
  for (let at = 0; at < piece.length; at += maxDataLength) {
    parts.push(piece.subarray(at, at + maxDataLength))
  }
  return parts
}
