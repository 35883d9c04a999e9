// SPDX-License-Identifier: Apache-2.0
// A SPDY/3.1 client written for tests and apart from the server's code: its own frames, zlib's own
// compressor with the dictionary, whole frames instead of pieces.
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { constants, createDeflate, createInflate } from 'node:zlib'
import { spdyDictionary } from '../../src/kubelet/streaming/spdy/spdy-dictionary.ts'

/** What came on a stream so far. */
export interface ClientStream {
  readonly id: number
  readonly received: Buffer[]
  hasEnded: boolean
  resetStatus: number | undefined
  isReplied: boolean
}

const dictionary = Buffer.from(spdyDictionary)

/** One connection, from behind the answer to the upgrade. */
export class SpdyClient {
  readonly streams: Map<number, ClientStream> = new Map()
  readonly pings: number[] = []
  readonly resets: (readonly [streamId: number, status: number])[] = []
  goAway: number | undefined
  isClosed = false
  readonly #socket: Duplex
  readonly #deflate = createDeflate({ dictionary, flush: constants.Z_SYNC_FLUSH })
  readonly #inflate = createInflate({ dictionary, flush: constants.Z_SYNC_FLUSH })
  #compressed: Buffer[] = []
  #buffer: Buffer = Buffer.alloc(0)
  #nextId = 1
  #waiting: (() => void)[] = []

  constructor(socket: Duplex) {
    this.#socket = socket
    this.#deflate.on('data', (part: Buffer) => this.#compressed.push(part))
    this.#inflate.on('data', () => {})
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('error', () => {})
    socket.once('close', () => {
      this.isClosed = true
      for (const stream of this.streams.values()) stream.hasEnded = true
      this.#wake()
    })
  }

  /** Opens a stream and waits for its answer. */
  async open(headers: Readonly<Record<string, string>>, flags = 0): Promise<ClientStream> {
    const stream = await this.begin(headers, { flags })
    await this.until(() => stream.isReplied || stream.resetStatus !== undefined || this.isClosed)
    return stream
  }

  /** Opens a stream and does not wait. */
  async begin(
    headers: Readonly<Record<string, string>>,
    { flags = 0, id = this.#nextId }: { readonly flags?: number; readonly id?: number } = {},
  ): Promise<ClientStream> {
    if (id === this.#nextId) this.#nextId += 2
    const stream: ClientStream = {
      id,
      received: [],
      hasEnded: false,
      resetStatus: undefined,
      isReplied: false,
    }
    this.streams.set(id, stream)
    const head = Buffer.alloc(10)
    head.writeUInt32BE(id)
    const block = await this.compress(headers)
    this.control(1, Buffer.concat([head, block]), flags)
    return stream
  }

  /** A header block, compressed in this connection's context. */
  async compress(headers: Readonly<Record<string, string>>): Promise<Buffer> {
    const words = Object.entries(headers).flatMap(([name, value]) => [
      lengthed(name),
      lengthed(value),
    ])
    const count = Buffer.alloc(4)
    count.writeUInt32BE(Object.keys(headers).length)
    await new Promise<void>((resolve, reject) =>
      this.#deflate.write(Buffer.concat([count, ...words]), (error) =>
        error ? reject(error) : resolve(),
      ),
    )
    const block = Buffer.concat(this.#compressed)
    this.#compressed = []
    return block
  }

  control(type: number, body: Buffer, flags = 0): void {
    const head = Buffer.alloc(8)
    head.writeUInt16BE(0x8003, 0)
    head.writeUInt16BE(type, 2)
    head.writeUInt32BE(body.length, 4)
    head[4] = flags
    this.raw(Buffer.concat([head, body]))
  }

  data(streamId: number, bytes: Buffer | string, isLast = false): void {
    const body = Buffer.from(bytes as string)
    const head = Buffer.alloc(8)
    head.writeUInt32BE(streamId, 0)
    head.writeUInt32BE(body.length, 4)
    head[4] = isLast ? 1 : 0
    this.raw(Buffer.concat([head, body]))
  }

  reset(streamId: number, status = 5): void {
    const body = Buffer.alloc(8)
    body.writeUInt32BE(streamId, 0)
    body.writeUInt32BE(status, 4)
    this.control(3, body)
  }

  ping(id: number): void {
    const body = Buffer.alloc(4)
    body.writeUInt32BE(id)
    this.control(6, body)
  }

  raw(bytes: Buffer): void {
    this.#socket.write(bytes)
  }

  /** As a client that vanishes. */
  destroy(): void {
    this.#socket.destroy()
  }

  text(stream: ClientStream): string {
    return Buffer.concat(stream.received).toString()
  }

  /** Resolves once `condition` holds; it is looked at whenever something has come. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.isClosed) throw new Error('The connection has closed')
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  async untilClosed(): Promise<void> {
    if (!this.isClosed) await once(this.#socket, 'close')
  }

  #take(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk])
    for (;;) {
      if (this.#buffer.length < 8) break
      const length = this.#buffer.readUIntBE(5, 3)
      if (this.#buffer.length < 8 + length) break
      this.#frame(this.#buffer.subarray(0, 8), this.#buffer.subarray(8, 8 + length))
      this.#buffer = this.#buffer.subarray(8 + length)
    }
    this.#wake()
  }

  #frame(head: Buffer, body: Buffer): void {
    if ((head[0] ?? 0) < 0x80) {
      const stream = this.streams.get(head.readUInt32BE(0))
      if (!stream?.isReplied) throw new Error('Data before the answer')
      stream.received.push(Buffer.from(body))
      if (head[4] === 1) stream.hasEnded = true
      return
    }
    const type = head.readUInt16BE(2)
    const first = body.readUInt32BE(0)
    const stream = this.streams.get(first)
    if (type === 2) {
      this.#inflate.write(Buffer.from(body.subarray(4)))
      if (stream) stream.isReplied = true
    } else if (type === 3) {
      this.resets.push([first, body.readUInt32BE(4)])
      if (stream) {
        stream.resetStatus = body.readUInt32BE(4)
        stream.hasEnded = true
      }
    } else if (type === 6) {
      this.pings.push(first)
    } else if (type === 7) {
      this.goAway = first
    } else {
      throw new Error(`Unexpected frame of type ${type}`)
    }
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}

function lengthed(text: string): Buffer {
  const bytes = Buffer.from(text)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}
