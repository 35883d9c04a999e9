// SPDX-License-Identifier: Apache-2.0
// One zlib stream per direction of a connection, flushed after each header block and never ended. What
// comes in may refer to what came before, so every block is inflated, in order. What goes out is stored: a
// valid stream that costs neither time nor the 256 KiB of a compressor's state.
import { encodeHeaders } from './header-block.ts'
import { ProtocolError } from './protocol-error.ts'
import { RawInflate } from './raw-inflate.ts'
import type { InflateLimits } from './raw-inflate.ts'
import { spdyDictionary } from './spdy-dictionary.ts'

/** A block that grows beyond this ends the connection; those of clients have a hundred bytes. */
export const maxBlockLength: number = 64 * 1024
/** What a connection may grow by ... */
const firstCredit = 64 * 1024
/** ... and by how much more for each byte that it sends; clients reach 4. Then no block costs more than others. */
const creditPerByte = 8
/** Deflate's own blocks in one of ours: zlib makes two, and more only of thousands of bytes. */
const minBlocks = 8
const bytesPerBlock = 64

/** zlib's header: a preset dictionary follows, by its checksum. */
const streamHead = Buffer.from('78bbe3c6a7c2', 'hex')
/** An empty stored block: the mark of a sync flush. */
const flushMark = Buffer.from('000000ffff', 'hex')

/** What goes out, as this side has no headers to send: the first block of a connection, and any other. */
export const emptyBlocks: { readonly first: Buffer; readonly later: Buffer } = {
  first: Buffer.concat([streamHead, stored(encodeHeaders(new Map())), flushMark]),
  later: Buffer.concat([stored(encodeHeaders(new Map())), flushMark]),
}

function stored(block: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt16LE(block.length, 1)
  head.writeUInt16LE(block.length ^ 0xff_ff, 3)
  return Buffer.concat([head, block])
}

/** Decompresses the header blocks that one side receives, in time and memory that grow with what was sent. */
export class HeaderInflater {
  /** Undefined before the first block. */
  #stream: RawInflate | undefined
  #credit = firstCredit

  /** Throws a ProtocolError for what is no such block, or costs too much; the connection cannot go on then. */
  inflate(compressed: Buffer): Buffer {
    this.#credit = Math.min(this.#credit + compressed.length * creditPerByte, firstCredit)
    const limits = {
      maxLength: Math.min(maxBlockLength, this.#credit),
      maxBlocks: minBlocks + Math.floor(compressed.length / bytesPerBlock),
    }
    const block = this.#inflate(compressed, limits)
    this.#credit -= block.length
    return block
  }

  #inflate(compressed: Buffer, limits: InflateLimits): Buffer {
    if (this.#stream) return this.#stream.inflate(compressed, limits)
    checkStart(compressed)
    this.#stream = new RawInflate(spdyDictionary)
    return this.#stream.inflate(compressed.subarray(streamHead.length), limits)
  }
}

/** The sender's stream must begin with the dictionary. */
function checkStart(compressed: Buffer): void {
  const [method = 0, flags = 0] = compressed
  const isZlib = (method & 0x8f) === 8 && ((method << 8) | flags) % 31 === 0
  const hasDictionary = (flags & 0x20) !== 0
  const checksum = compressed.subarray(2, streamHead.length)
  if (isZlib && hasDictionary && checksum.equals(streamHead.subarray(2))) return
  throw new ProtocolError('header block does not begin with the dictionary')
}
