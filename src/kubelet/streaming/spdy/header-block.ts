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
  let at = 0
  const number = (): number => {
    if (at + 4 > block.length) throw new ProtocolError('header block is cut short')
    at += 4
    return block.readUInt32BE(at - 4)
  }
  const text = (): string => {
    const size = number()
    if (at + size > block.length) throw new ProtocolError('header block is cut short')
    at += size
    return block.toString('utf8', at - size, at)
  }
  const headers = new Map<string, readonly string[]>()
  const count = number()
  if (count > maxHeaders) throw new ProtocolError(`${count} headers`)
  for (let i = 0; i < count; i += 1) headers.set(text().toLowerCase(), text().split('\0'))
  if (at !== block.length) throw new ProtocolError('header block is too long')
  return headers
}

function length(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(value)
  return bytes
}
