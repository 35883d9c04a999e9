// SPDX-License-Identifier: Apache-2.0
// One zlib stream per direction of a connection, flushed after each header block and never ended. What
// comes in may refer to what came before, so every block is inflated, in order; between two of them there
// is no other state than the last 32 KiB. What goes out is stored: a valid stream that costs neither time
// nor the 256 KiB of a compressor's state.
import { inflateRawSync } from 'node:zlib'
import { ProtocolError } from './protocol-error.ts'
import { spdyDictionary } from './spdy-dictionary.ts'

/** A block that grows beyond this ends the connection. */
export const maxBlockLength: number = 1024 * 1024

/** zlib's header: a preset dictionary follows, by its checksum. */
const streamHead = Buffer.from('78bbe3c6a7c2', 'hex')
/** An empty stored block: the mark of a sync flush. */
const flushMark = Buffer.from('000000ffff', 'hex')
const maxStoredLength = 0xff_ff
/** Header blocks of real clients fit. */
const chunkSize = 1024

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

/** What comes in can refer to so much of what came before. */
const windowLength = 32 * 1024
/**
 * Goes behind what came in: a last block that is stored. A sender's flush ends at the border of a block
 * and of a byte, so it must come out as it is; if it does not, what came was cut short or is no block.
 */
const endMark = Buffer.from('010400fbff5a5a5a5a', 'hex')
const endMarkText = endMark.subarray(5)

/** Decompresses the header blocks that one side receives. */
export class HeaderInflater {
  /** The end of all that came out so far; undefined before the first block. */
  #window: Buffer | undefined

  /** Throws a ProtocolError for what is no such block; the connection cannot go on then. */
  inflate(compressed: Buffer): Buffer {
    const window = this.#window ?? windowAtStart(compressed)
    const raw = this.#window === undefined ? compressed.subarray(streamHead.length) : compressed
    const marked = inflateRaw(Buffer.concat([raw, endMark]), window)
    const block = marked.subarray(0, Math.max(marked.length - endMarkText.length, 0))
    if (!marked.subarray(block.length).equals(endMarkText)) throw broken()
    this.#window = Buffer.concat([window, block]).subarray(-windowLength)
    return block
  }
}

/** The dictionary, if the sender's stream begins with it, as it must. */
function windowAtStart(compressed: Buffer): Buffer {
  const [method = 0, flags = 0] = compressed
  const isZlib = (method & 0x8f) === 8 && ((method << 8) | flags) % 31 === 0
  const hasDictionary = (flags & 0x20) !== 0
  const checksum = compressed.subarray(2, streamHead.length)
  if (!isZlib || !hasDictionary || !checksum.equals(streamHead.subarray(2))) throw broken()
  return spdyDictionary
}

/** At once: the blocks are small, and a turn through the thread pool costs more than they do. */
function inflateRaw(input: Buffer, dictionary: Buffer): Buffer {
  try {
    return inflateRawSync(input, { dictionary, chunkSize, maxOutputLength: maxBlockLength })
  } catch {
    // Its words are about zlib's insides.
    throw broken()
  }
}

function broken(): ProtocolError {
  return new ProtocolError('header block cannot be decompressed')
}
