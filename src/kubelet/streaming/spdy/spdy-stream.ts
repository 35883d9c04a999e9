// SPDX-License-Identifier: Apache-2.0
// One stream of a SPDY connection as a Node stream. Its sides end apart: `end` sends a FIN, and the
// peer's FIN ends the reading. Destroying it earlier resets it.
import { Duplex } from 'node:stream'
import type { StreamHeaders } from './header-block.ts'
import { resetStatus } from './spdy-frames.ts'
import type { ResetStatus } from './spdy-frames.ts'

/** What a stream needs of its connection. */
export interface StreamCarrier {
  /** Calls back when more may be sent, with an error when nothing can be any more. */
  sendData(stream: SpdyStream, pieces: readonly Buffer[], sent: (error?: Error) => void): void
  sendFin(stream: SpdyStream): void
  sendReset(stream: SpdyStream, status: ResetStatus): void
  /** So much that was received, by `weightOf`, has been taken out of the stream's queue. */
  taken(weight: number): void
}

/** What a queued piece counts for: its bytes and the objects around them, as pieces may be of one byte. */
export function weightOf({ length }: Buffer): number {
  return length + 256
}

/** Made once: Node formats the stack of each error that ends a stream. */
const isReset = new Error('stream is reset')

/** A stream that the peer opened. */
export class SpdyStream extends Duplex {
  readonly id: number
  readonly headers: StreamHeaders
  readonly #carrier: StreamCarrier
  #queue: Buffer[] = []
  #queuedBytes = 0
  #isReading = false
  #dropsInput = false
  #hasRemoteEnded = false
  #hasLocalEnded = false

  constructor(
    carrier: StreamCarrier,
    { id, headers }: { readonly id: number; readonly headers: StreamHeaders },
  ) {
    // What waits is in our queue, where it is counted.
    super({ allowHalfOpen: true, emitClose: true, readableHighWaterMark: 1 })
    this.id = id
    this.headers = headers
    this.#carrier = carrier
    // Whoever uses the stream sees its end; nobody has to listen for the reason.
    this.on('error', () => {})
  }

  /** The first value of a header, empty when there is none. */
  header(name: string): string {
    return this.headers.get(name)?.[0] ?? ''
  }

  /** Received and not read yet, by `weightOf`. */
  get queuedBytes(): number {
    return this.#queuedBytes
  }

  /** Neither side says anything more. */
  get isOver(): boolean {
    return this.destroyed || (this.#hasRemoteEnded && this.#hasLocalEnded)
  }

  get hasRemoteEnded(): boolean {
    return this.#hasRemoteEnded
  }

  /** The peer sent these bytes; the connection waits while too many are queued. */
  receive(bytes: Buffer): void {
    if (this.destroyed || this.#hasRemoteEnded || bytes.length === 0) return
    if (this.#dropsInput) return this.#carrier.taken(weightOf(bytes))
    this.#queue.push(bytes)
    this.#queuedBytes += weightOf(bytes)
    this.#flush()
  }

  /** For a stream that nobody reads: what comes is dropped, so that it never stands in the way. */
  dropInput(): void {
    this.#dropsInput = true
    this.#carrier.taken(this.#queuedBytes)
    this.#queue = []
    this.#queuedBytes = 0
  }

  /** The peer sends nothing more. */
  receiveEnd(): void {
    if (this.#hasRemoteEnded) return
    this.#hasRemoteEnded = true
    this.#flush()
  }

  /** The peer, or the end of the connection, has reset the stream: nothing more comes or goes. */
  receiveReset(why: Error): void {
    this.#hasRemoteEnded = true
    this.#hasLocalEnded = true
    this.destroy(why)
  }

  /** Resets it, telling the peer why. */
  reset(status: ResetStatus): void {
    if (this.isOver) return
    this.#carrier.sendReset(this, status)
    this.receiveReset(isReset)
  }

  override _read(): void {
    this.#isReading = true
    this.#flush()
  }

  override _write(bytes: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#carrier.sendData(this, [bytes], done)
  }

  /** What came while the connection was busy goes out together. */
  override _writev(
    chunks: readonly { readonly chunk: Buffer }[],
    done: (error?: Error | null) => void,
  ): void {
    const pieces = chunks.map(({ chunk }) => chunk)
    this.#carrier.sendData(this, pieces, done)
  }

  override _final(done: (error?: Error | null) => void): void {
    if (!this.#hasLocalEnded) {
      this.#hasLocalEnded = true
      this.#carrier.sendFin(this)
    }
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!(this.#hasLocalEnded && this.#hasRemoteEnded)) {
      this.#hasLocalEnded = true
      this.#hasRemoteEnded = true
      this.#carrier.sendReset(this, error ? resetStatus.internalError : resetStatus.cancel)
    }
    this.#queue = []
    const dropped = this.#queuedBytes
    this.#queuedBytes = 0
    this.#carrier.taken(dropped)
    done(error)
  }

  #flush(): void {
    while (this.#isReading) {
      const bytes = this.#queue.shift()
      if (bytes === undefined) {
        if (!this.#hasRemoteEnded) return
        this.#isReading = false
        this.push(null)
        return
      }
      this.#queuedBytes -= weightOf(bytes)
      this.#isReading = this.push(bytes)
      this.#carrier.taken(weightOf(bytes))
    }
  }
}
