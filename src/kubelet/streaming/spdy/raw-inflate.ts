// SPDX-License-Identifier: Apache-2.0
// Deflate's decompression (RFC 1951) for pieces of a few hundred bytes that belong to one long stream. zlib
// is made for megabytes: setting it up for each piece costs Node many times what such a piece does.
import { BitReader } from './bit-reader.ts'
import { fixedCodes, readCodes } from './huffman-code.ts'
import type { BlockCodes } from './huffman-code.ts'
import { ProtocolError } from './protocol-error.ts'

/** A stream can refer to so much of what came out before. */
const windowLength = 32 * 1024
/** Enough for a dictionary and the headers of an exec. */
const firstCapacity = 2 * 1024
const endOfBlock = 256

/** What one piece may cost. */
export interface InflateLimits {
  /** Bytes that come out. */
  readonly maxLength: number
  /** Blocks that go in: one of a few bytes may bring codes that cost as much as thousands of bytes. */
  readonly maxBlocks: number
}

/** A deflate stream that is never ended. */
export class RawInflate {
  /** All that came out, or at least the last 32 KiB of it, up to `#length`. */
  #history = Buffer.allocUnsafeSlow(firstCapacity)
  #length = 0

  /** `dictionary` counts as what came out before. */
  constructor(dictionary: Buffer) {
    this.#append(dictionary)
  }

  /**
   * What comes out of `input`, which must be whole blocks that end with its last byte, as behind a sync flush.
   * Throws a ProtocolError for anything else and for more than is allowed; the stream is broken then.
   */
  inflate(input: Buffer, { maxLength, maxBlocks }: InflateLimits): Buffer {
    const start = this.#length
    const limit = start + maxLength
    const reader = new BitReader(input)
    for (let blocks = 0; !reader.isAtEnd; blocks += 1) {
      if (blocks === maxBlocks) throw broken()
      if (reader.bits(1) === 1) throw broken()
      switch (reader.bits(2)) {
        case 0:
          this.#takeStored(reader, limit)
          break
        case 1:
          this.#takeCompressed(reader, { ...fixedCodes, limit })
          break
        case 2:
          this.#takeCompressed(reader, { ...readCodes(reader), limit })
          break
        default:
          throw broken()
      }
    }
    const output = Buffer.from(this.#history.subarray(start, this.#length))
    this.#forget()
    return output
  }

  #takeStored(reader: BitReader, limit: number): void {
    reader.skipToByte()
    const length = reader.bits(16)
    if ((reader.bits(16) ^ 0xff_ff) !== length) throw broken()
    if (this.#length + length > limit) throw broken()
    this.#append(reader.bytes(length))
  }

  #takeCompressed(
    reader: BitReader,
    { literals, distances, limit }: BlockCodes & { readonly limit: number },
  ): void {
    for (;;) {
      const symbol = literals.symbol(reader)
      if (symbol === endOfBlock) return
      if (symbol < endOfBlock) {
        if (this.#length >= limit) throw broken()
        this.#makeRoom(1)
        this.#history[this.#length++] = symbol
        continue
      }
      const length = extended(lengths, symbol - endOfBlock - 1, reader)
      const distance = extended(offsets, distances.symbol(reader), reader)
      if (this.#length + length > limit || distance > this.#length) throw broken()
      this.#repeat(length, distance)
    }
  }

  /** What is repeated may reach into what it makes. */
  #repeat(length: number, distance: number): void {
    this.#makeRoom(length)
    const history = this.#history
    const end = this.#length + length
    for (let at = this.#length; at < end; at += 1) history[at] = history[at - distance] ?? 0
    this.#length = end
  }

  #append(bytes: Buffer): void {
    this.#makeRoom(bytes.length)
    bytes.copy(this.#history, this.#length)
    this.#length += bytes.length
  }

  #makeRoom(byteCount: number): void {
    const needed = this.#length + byteCount
    if (needed <= this.#history.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#history.length * 2))
    this.#history.copy(larger, 0, 0, this.#length)
    this.#history = larger
  }

  /** Drops what nothing can refer to any more, once that is as much as the rest. */
  #forget(): void {
    if (this.#length <= 2 * windowLength) return
    const kept = this.#history.subarray(this.#length - windowLength, this.#length)
    this.#history = Buffer.allocUnsafeSlow(2 * windowLength)
    kept.copy(this.#history)
    this.#length = windowLength
  }
}

/** Where a symbol's range of values begins, and how many bits more say which it is. */
interface Ranges {
  readonly first: readonly number[]
  readonly extraBits: readonly number[]
}

const lengths: Ranges = {
  first: [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
    163, 195, 227, 258,
  ],
  extraBits: [
    0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
  ],
}

const offsets: Ranges = {
  first: [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049,
    3073, 4097, 6145, 8193, 12289, 16385, 24577,
  ],
  extraBits: [
    0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13,
    13,
  ],
}

function extended({ first, extraBits }: Ranges, symbol: number, reader: BitReader): number {
  const start = first[symbol]
  const count = extraBits[symbol]
  if (start === undefined || count === undefined) throw broken()
  return start + reader.bits(count)
}

function broken(): ProtocolError {
  return new ProtocolError('deflate data is broken')
}
