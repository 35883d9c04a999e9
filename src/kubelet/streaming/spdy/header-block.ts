// SPDX-License-Identifier: Apache-2.0
// Names and values of a SYN_STREAM, SYN_REPLY or HEADERS frame, before compression.
import { ProtocolError } from './protocol-error.ts'

/** Headers by lower-case name; several values of one name are a list. */
export type StreamHeaders = ReadonlyMap<string, readonly string[]>

const maxHeaders = 1000

/** The bytes of a header block. */
export function encodeHeaders(headers: StreamHeaders): Buffer {
  const parts = [length(headers.size)]
  for (const [name, values] of headers) {
    for (const text of [name, values.join('\0')]) {
      const bytes = Buffer.from(text, 'utf8')
      parts.push(length(bytes.length), bytes)
    }
  }
  return Buffer.concat(parts)
}

/** Throws a ProtocolError when `block` is anything but one complete list of headers. */
export function decodeHeaders(block: Buffer): StreamHeaders {
  const headers = new Map<string, readonly string[]>()
  const reader = new BlockReader(block)
  const count = reader.number()
  if (count > maxHeaders) throw new ProtocolError(`${count} headers`)
  for (let i = 0; i < count; i += 1) {
    const name = reader.text().toLowerCase()
    const value = reader.text()
    headers.set(name, value.includes('\0') ? value.split('\0') : [value])
  }
  if (!reader.isAtEnd) throw new ProtocolError('header block is too long')
  return headers
}

class BlockReader {
  readonly #block: Buffer
  #at = 0

  constructor(block: Buffer) {
    this.#block = block
  }

  get isAtEnd(): boolean {
    return this.#at === this.#block.length
  }

  number(): number {
    return this.#block.readUInt32BE(this.#take(4))
  }

  /** Behind its length. */
  text(): string {
    const size = this.number()
    const start = this.#take(size)
    return this.#block.toString('utf8', start, start + size)
  }

  #take(size: number): number {
    const start = this.#at
    if (start + size > this.#block.length) throw new ProtocolError('header block is cut short')
    this.#at += size
    return start
  }
}

function length(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(value)
  return bytes
}
