// SPDX-License-Identifier: Apache-2.0
// The two codes of a deflate block: one for bytes and lengths, one for distances (RFC 1951, 3.2.5 to 3.2.7).
// A code is given by the lengths of its words alone. As zlib does, one that leaves words unused is refused,
// unless it has a single word.
import type { BitReader } from './bit-reader.ts'
import { ProtocolError } from './protocol-error.ts'

const maxWordLength = 15
const endOfBlock = 256
const maxLiteralWords = 286
const maxDistanceWords = 30

/** A prefix code whose words of one length are consecutive numbers. */
export class HuffmanCode {
  /** How many words have each length. */
  readonly #counts: Uint16Array
  /** What the words stand for, in their order. */
  readonly #symbols: Uint16Array

  /** Throws a ProtocolError unless there is exactly one code with words of these lengths, by symbol; 0: none. */
  constructor(lengths: Uint8Array) {
    const counts = new Uint16Array(maxWordLength + 1)
    for (const length of lengths) counts[length] = (counts[length] ?? 0) + 1
    const wordCount = lengths.length - (counts[0] ?? 0)
    counts[0] = 0
    checkCounts(counts, wordCount)
    this.#counts = counts
    this.#symbols = inOrder(lengths, { counts, wordCount })
  }

  /** Takes the next word off `reader`: what it stands for. */
  symbol(reader: BitReader): number {
    let word = 0
    let first = 0
    let before = 0
    for (let length = 1; length <= maxWordLength; length += 1) {
      word |= reader.bits(1)
      const count = this.#counts[length] ?? 0
      if (word - first < count) return this.#symbols[before + word - first] ?? endOfBlock
      before += count
      first = (first + count) << 1
      word <<= 1
    }
    throw new ProtocolError('deflate data has a word of no code')
  }
}

/** The symbols that have a word: shorter words first, and of one length by symbol. */
function inOrder(
  lengths: Uint8Array,
  { counts, wordCount }: { readonly counts: Uint16Array; readonly wordCount: number },
): Uint16Array {
  const nextOf = new Uint16Array(maxWordLength + 1)
  for (let length = 1; length < maxWordLength; length += 1) {
    nextOf[length + 1] = (nextOf[length] ?? 0) + (counts[length] ?? 0)
  }
  const symbols = new Uint16Array(wordCount)
  for (let symbol = 0; symbol < lengths.length; symbol += 1) {
    const length = lengths[symbol] ?? 0
    if (length === 0) continue
    const at = nextOf[length] ?? 0
    symbols[at] = symbol
    nextOf[length] = at + 1
  }
  return symbols
}

function checkCounts(counts: Uint16Array, wordCount: number): void {
  let free = 1
  for (let length = 1; length <= maxWordLength; length += 1) {
    free = free * 2 - (counts[length] ?? 0)
    if (free < 0) throw noCode()
  }
  const isOneWord = wordCount === 1 && counts[1] === 1
  if (free > 0 && wordCount > 0 && !isOneWord) throw noCode()
}

/** The codes of one block. */
export interface BlockCodes {
  readonly literals: HuffmanCode
  readonly distances: HuffmanCode
}

/** Of blocks that bring none. */
export const fixedCodes: BlockCodes = {
  literals: new HuffmanCode(
    Uint8Array.from({ length: 288 }, (_, symbol) => {
      if (symbol < 144) return 8
      if (symbol < 256) return 9
      return symbol < 280 ? 7 : 8
    }),
  ),
  distances: new HuffmanCode(new Uint8Array(32).fill(5)),
}

/** In this order come the lengths of the code in which the lengths of the others are written. */
const lengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

/** Reads the codes that a block brings. */
export function readCodes(reader: BitReader): BlockCodes {
  const literalWords = reader.bits(5) + 257
  const distanceWords = reader.bits(5) + 1
  const lengthWords = reader.bits(4) + 4
  if (literalWords > maxLiteralWords || distanceWords > maxDistanceWords) throw noCode()
  const ofLengths = new Uint8Array(lengthOrder.length)
  for (const symbol of lengthOrder.slice(0, lengthWords)) ofLengths[symbol] = reader.bits(3)
  const lengths = readLengths(reader, {
    code: new HuffmanCode(ofLengths),
    count: literalWords + distanceWords,
  })
  if (lengths[endOfBlock] === 0) throw noCode()
  return {
    literals: new HuffmanCode(lengths.subarray(0, literalWords)),
    distances: new HuffmanCode(lengths.subarray(literalWords)),
  }
}

function readLengths(
  reader: BitReader,
  { code, count }: { readonly code: HuffmanCode; readonly count: number },
): Uint8Array {
  const lengths = new Uint8Array(count)
  for (let at = 0; at < count;) {
    const symbol = code.symbol(reader)
    if (symbol < 16) {
      lengths[at++] = symbol
      continue
    }
    // The length before again, or zeros.
    const previous = symbol === 16 ? lengths[at - 1] : 0
    const times = repeats(symbol, reader)
    if (previous === undefined || at + times > count) throw noCode()
    lengths.fill(previous, at, at + times)
    at += times
  }
  return lengths
}

function repeats(symbol: number, reader: BitReader): number {
  if (symbol === 16) return reader.bits(2) + 3
  return symbol === 17 ? reader.bits(3) + 3 : reader.bits(7) + 11
}

function noCode(): ProtocolError {
  return new ProtocolError('deflate data has a code that is none')
}
