// SPDX-License-Identifier: Apache-2.0
// One zlib stream per direction of a connection, flushed after each header block and never ended. What
// comes in may refer to everything that came before, so every block is inflated, in order. What goes out
// is stored: a valid stream that costs neither time nor the 256 KiB of a compressor's state.
import { constants, createInflate } from 'node:zlib'
import type { Inflate } from 'node:zlib'
import { ProtocolError } from './protocol-error.ts'
import { spdyDictionary } from './spdy-dictionary.ts'

/** A block that grows beyond this ends the connection. */
export const maxBlockLength: number = 1024 * 1024

/** zlib's header: a preset dictionary follows, by its checksum. */
const streamHead = Buffer.from('78bbe3c6a7c2', 'hex')
/** An empty stored block: the mark of a sync flush. */
const flushMark = Buffer.from('000000ffff', 'hex')
const maxStoredLength = 0xff_ff

/** Compresses the header blocks that one side sends. */
export class HeaderDeflater {
  #isFirst = true

  deflate(block: Buffer): Buffer {
    const parts: Buffer[] = this.#isFirst ? [streamHead] : []
    this.#isFirst = false
    for (let at = 0; at < block.length; at += maxStoredLength) {
      const piece = block.subarray(at, at + maxStoredLength)
      const head = Buffer.alloc(5)
      head.writeUInt16LE(piece.length, 1)
      head.writeUInt16LE(piece.length ^ 0xff_ff, 3)
      parts.push(head, piece)
    }
    return Buffer.concat([...parts, flushMark])
  }
}

/** Decompresses the header blocks that one side receives; one call at a time. */
export class HeaderInflater implements Disposable {
  #zlib: Inflate | undefined
  #parts: Buffer[] = []
  #length = 0
  #fail: (error: Error) => void = () => {}

  /** Rejects with a ProtocolError for what is no such block; the connection cannot go on then. */
  async inflate(compressed: Buffer): Promise<Buffer> {
    const zlib = (this.#zlib ??= this.#open())
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#fail = reject
    zlib.write(compressed, (error) => (error ? reject(broken()) : resolve()))
    await promise
    // A stream that was destroyed meanwhile calls back all the same.
    if (zlib.destroyed) throw broken()
    const block = Buffer.concat(this.#parts)
    this.#parts = []
    this.#length = 0
    return block
  }

  [Symbol.dispose](): void {
    this.#zlib?.destroy()
  }

  #open(): Inflate {
    const zlib = createInflate({
      dictionary: spdyDictionary,
      flush: constants.Z_SYNC_FLUSH,
      chunkSize: 4096,
    })
    zlib.on('data', (part: Buffer) => {
      this.#length += part.length
      this.#parts.push(part)
      if (this.#length <= maxBlockLength) return
      this.#parts = []
      zlib.destroy()
      this.#fail(broken())
    })
    zlib.on('error', () => this.#fail(broken()))
    // The sender may not end it: whatever follows would be lost without a word.
    zlib.on('end', () => this.#fail(broken()))
    return zlib
  }
}

function broken(): ProtocolError {
  return new ProtocolError('header block cannot be decompressed')
}
