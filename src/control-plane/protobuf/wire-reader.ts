// SPDX-License-Identifier: Apache-2.0
// Reads the primitives of the protobuf wire format from a piece of memory and never looks beyond it.
// Faults are in the words of the API server's decoder.

/** The bytes are no protobuf, or not of the message that they are said to be. */
export class WireFault extends Error {
  override readonly name = 'WireFault'
}

export const wireTypes = {
  varint: 0,
  fixed64: 1,
  bytes: 2,
  startGroup: 3,
  endGroup: 4,
  fixed32: 5,
} as const

/** What stands before each value. */
export interface WireTag {
  readonly number: number
  readonly wireType: number
}

export class WireReader {
  readonly #bytes: Buffer
  #position = 0
  // The two halves of the last varint: numbers of 64 bits do not fit into one.
  #low = 0
  #high = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#position >= this.#bytes.length
  }

  /** The number of the next field and how its value is written; `message` is for the fault. */
  tag(message = ''): WireTag {
    this.#varint()
    const number = this.#high * 2 ** 29 + (this.#low >>> 3)
    const wireType = this.#low & 7
    const place = message === '' ? 'proto' : `proto: ${message}`
    if (wireType === wireTypes.endGroup) {
      throw new WireFault(`${place}: wiretype end group for non-group`)
    }
    if (number < 1 || number >= 2 ** 29) {
      throw new WireFault(`${place}: illegal tag ${number | 0} (wire type ${wireType})`)
    }
    return { number, wireType }
  }

  boolean(): boolean {
    this.#varint()
    return (this.#low | this.#high) !== 0
  }

  int32(): number {
    this.#varint()
    return this.#low | 0
  }

  /** Rounded beyond 2 ** 53, as all numbers of JSON are. */
  int64(): number {
    this.#varint()
    return (this.#high | 0) * 2 ** 32 + (this.#low >>> 0)
  }

  /** A piece with its length before it; shares memory with the whole. */
  bytes(): Buffer {
    this.#varint()
    if ((this.#high & 0x8000_0000) !== 0) {
      throw new WireFault('proto: negative length found during unmarshaling')
    }
    return this.#take(this.#high * 2 ** 32 + (this.#low >>> 0))
  }

  /** Passes over a value that nobody asked for; groups, which nobody writes any more, as well. */
  skip({ wireType }: Pick<WireTag, 'wireType'>): void {
    let openGroups = 0
    for (let next = wireType; ; next = this.#wireTypeAhead()) {
      if (next === wireTypes.startGroup) openGroups += 1
      else if (next === wireTypes.endGroup) openGroups -= 1
      else this.#skipPlain(next)
      if (openGroups === 0) return
    }
  }

  #skipPlain(wireType: number): void {
    switch (wireType) {
      case wireTypes.varint:
        this.#varint()
        break
      case wireTypes.fixed64:
        this.#take(8)
        break
      case wireTypes.bytes:
        this.bytes()
        break
      case wireTypes.fixed32:
        this.#take(4)
        break
      default:
        throw new WireFault(`proto: illegal wireType ${wireType}`)
    }
  }

  #wireTypeAhead(): number {
    this.#varint()
    return this.#low & 7
  }

  #take(length: number): Buffer {
    const end = this.#position + length
    if (end > this.#bytes.length) throw new WireFault('unexpected EOF')
    const piece = this.#bytes.subarray(this.#position, end)
    this.#position = end
    return piece
  }

  #varint(): void {
    let low = 0
    let high = 0
    for (let shift = 0; ; shift += 7) {
      if (shift >= 64) throw new WireFault('proto: integer overflow')
      const byte = this.#bytes[this.#position]
      if (byte === undefined) throw new WireFault('unexpected EOF')
      this.#position += 1
      const bits = byte & 0x7f
      if (shift < 32) low |= bits << shift
      if (shift === 28) high |= bits >>> 4
      else if (shift > 28) high |= bits << (shift - 32)
      if (byte < 0x80) break
    }
    this.#low = low
    this.#high = high >>> 0
  }
}
