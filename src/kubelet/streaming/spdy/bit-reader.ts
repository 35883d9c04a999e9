// SPDX-License-Identifier: Apache-2.0
// The bits of a deflate stream: of each byte the lowest first.
import { ProtocolError } from './protocol-error.ts'

/** Takes bits off some bytes; throws a ProtocolError behind the last one. */
export class BitReader {
  readonly #bytes: Buffer
  #at = 0
  /** Bits of the bytes so far that nobody has taken, always fewer than eight. */
  #held = 0
  #heldCount = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** At the border of a byte, and there is none left. */
  get isAtEnd(): boolean {
    return this.#heldCount === 0 && this.#at === this.#bytes.length
  }

  /** The next bits as a number, at most 16. */
  bits(count: number): number {
    let held = this.#held
    let heldCount = this.#heldCount
    for (; heldCount < count; heldCount += 8) {
      const byte = this.#bytes[this.#at]
      if (byte === undefined) throw cutShort()
      this.#at += 1
      held |= byte << heldCount
    }
    this.#held = held >>> count
    this.#heldCount = heldCount - count
    return held & ((1 << count) - 1)
  }

  /** Whole bytes, from the next border of a byte on. */
  bytes(count: number): Buffer {
    this.skipToByte()
    const bytes = this.#bytes.subarray(this.#at, this.#at + count)
    if (bytes.length < count) throw cutShort()
    this.#at += count
    return bytes
  }

  skipToByte(): void {
    this.#held = 0
    this.#heldCount = 0
  }
}

function cutShort(): ProtocolError {
  return new ProtocolError('deflate data is cut short')
}
