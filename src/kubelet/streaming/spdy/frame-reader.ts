// SPDX-License-Identifier: Apache-2.0
// Cuts a byte stream into SPDY frames, however it is split. Data comes out in the pieces in which it
// came in, so that no frame of 16 MiB is ever collected; control frames are collected and bounded.
import { ProtocolError } from './protocol-error.ts'
import { controlWord, finFlag, frameHeadLength, frameTypes } from './spdy-frames.ts'

/** What the peer said. Header blocks are still compressed. */
export type Frame =
  | {
      readonly kind: 'data'
      readonly streamId: number
      readonly bytes: Buffer
      readonly isLast: boolean
    }
  | {
      readonly kind: 'synStream' | 'synReply' | 'headers'
      readonly streamId: number
      readonly block: Buffer
      readonly isLast: boolean
    }
  | { readonly kind: 'rstStream'; readonly streamId: number; readonly status: number }
  | { readonly kind: 'ping'; readonly id: number }
  | { readonly kind: 'goAway' }
  /** Nothing that matters here: settings and windows. */
  | { readonly kind: 'ignored' }

/** A longer control frame ends the connection; the longest real ones have some hundred bytes. */
export const maxControlLength: number = 64 * 1024

const nothing = Buffer.alloc(0)

/** A frame of which not all has come yet. */
type OpenFrame =
  | { readonly kind: 'head'; readonly bytes: Buffer; filled: number }
  | { readonly kind: 'control'; readonly head: Buffer; readonly body: Buffer; filled: number }
  | { readonly kind: 'data'; readonly streamId: number; readonly isLast: boolean; left: number }

/** Reads one direction of a connection. */
export class FrameReader {
  #open: OpenFrame = newHead()
  #chunk: Buffer = nothing
  #at = 0

  /** What comes next on the wire. It is not copied: until `next` has nothing more, it must stay as it is. */
  feed(chunk: Buffer): void {
    const rest = this.#chunk.subarray(this.#at)
    this.#chunk = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
    this.#at = 0
  }

  /** The next frame; undefined until more is fed. Throws a ProtocolError for what is none. */
  next(): Frame | undefined {
    for (;;) {
      const open = this.#open
      if (open.kind === 'data') return this.#nextData(open)
      const target = open.kind === 'head' ? open.bytes : open.body
      const copied = this.#chunk.copy(target, open.filled, this.#at)
      this.#at += copied
      open.filled += copied
      if (open.filled < target.length) return this.#release()
      if (open.kind === 'head') {
        this.#open = afterHead(open.bytes)
      } else {
        this.#open = newHead()
        return controlFrame(open.head, open.body)
      }
    }
  }

  #nextData(open: Extract<OpenFrame, { kind: 'data' }>): Frame | undefined {
    const bytes = this.#chunk.subarray(this.#at, this.#at + open.left)
    if (bytes.length === 0 && open.left > 0) return this.#release()
    this.#at += bytes.length
    open.left -= bytes.length
    if (open.left === 0) this.#open = newHead()
    const isLast = open.isLast && open.left === 0
    return { kind: 'data', streamId: open.streamId, bytes, isLast }
  }

  /** All of the chunk is read: it may be used again. */
  #release(): undefined {
    this.#chunk = nothing
    this.#at = 0
  }
}

function newHead(): OpenFrame {
  return { kind: 'head', bytes: Buffer.allocUnsafe(frameHeadLength), filled: 0 }
}

function afterHead(head: Buffer): OpenFrame {
  const length = lengthOf(head)
  if ((head[0] ?? 0) < 0x80) {
    const streamId = head.readUInt32BE(0)
    if (streamId === 0) throw new ProtocolError('data on stream 0')
    return { kind: 'data', streamId, isLast: hasFin(head), left: length }
  }
  if (head.readUInt16BE(0) !== controlWord) {
    throw new ProtocolError(`control frame of version ${head.readUInt16BE(0) & 0x7f_ff}`)
  }
  if (length > maxControlLength) throw new ProtocolError(`control frame of ${length} bytes`)
  return { kind: 'control', head, body: Buffer.allocUnsafe(length), filled: 0 }
}

function hasFin(head: Buffer): boolean {
  return ((head[4] ?? 0) & finFlag) !== 0
}

function lengthOf(head: Buffer): number {
  return head.readUIntBE(5, 3)
}

function controlFrame(head: Buffer, body: Buffer): Frame {
  const type = head.readUInt16BE(2)
  const isLast = hasFin(head)
  switch (type) {
    case frameTypes.synStream:
      return { kind: 'synStream', streamId: idOf(body, 10), block: body.subarray(10), isLast }
    case frameTypes.synReply:
      return { kind: 'synReply', streamId: idOf(body, 4), block: body.subarray(4), isLast }
    case frameTypes.headers:
      return { kind: 'headers', streamId: idOf(body, 4), block: body.subarray(4), isLast }
    case frameTypes.rstStream:
      return { kind: 'rstStream', streamId: idOf(body, 8), status: body.readUInt32BE(4) }
    case frameTypes.ping:
      return { kind: 'ping', id: idOf(body, 4) }
    case frameTypes.goAway:
      if (body.length < 8) throw new ProtocolError('GOAWAY is cut short')
      return { kind: 'goAway' }
    case frameTypes.settings:
    case frameTypes.windowUpdate:
      return { kind: 'ignored' }
    default:
      throw new ProtocolError(`control frame of type ${type}`)
  }
}

function idOf(body: Buffer, atLeast: number): number {
  if (body.length < atLeast) throw new ProtocolError('control frame is cut short')
  const id = body.readUInt32BE(0) & 0x7f_ff_ff_ff
  if (id === 0) throw new ProtocolError('id 0')
  return id
}
