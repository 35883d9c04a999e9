// SPDX-License-Identifier: Apache-2.0
// SPDY/3.1 frames as this side writes them, and the numbers that both sides share. There is no flow
// control in this dialect: windows are neither kept nor asked for.

/** Types of control frames. */
export const frameTypes = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
} as const

/** Why a stream is reset. */
export const resetStatus = {
  protocolError: 1,
  refused: 3,
  cancel: 5,
  internalError: 6,
} as const

export type ResetStatus = (typeof resetStatus)[keyof typeof resetStatus]

/** Flag of frames after which their sender says no more on the stream. */
export const finFlag = 1

/** First two bytes of every control frame: bit 15 and version 3. */
export const controlWord = 0x8003

export const frameHeadLength = 8

/** Head of a data frame. */
export function dataHead(
  streamId: number,
  { length, isLast }: { readonly length: number; readonly isLast: boolean },
): Buffer {
  const head = Buffer.allocUnsafe(frameHeadLength)
  head.writeUInt32BE(streamId, 0)
  head.writeUInt32BE(length, 4)
  head[4] = isLast ? finFlag : 0
  return head
}

/** A whole SYN_REPLY or SYN_STREAM; `fixed` are the fields before the header block. */
export function headersFrame(
  type: number,
  fields: { readonly fixed: readonly number[]; readonly block: Buffer; readonly flags?: number },
): Buffer {
  const { fixed, block, flags = 0 } = fields
  return Buffer.concat([
    controlHead(type, { length: fixed.length * 4 + block.length, flags }),
    words(fixed),
    block,
  ])
}

export function resetFrame(streamId: number, status: ResetStatus): Buffer {
  return wordsFrame(frameTypes.rstStream, [streamId, status])
}

export function pingFrame(id: number): Buffer {
  return wordsFrame(frameTypes.ping, [id])
}

/** Says goodbye; `lastStreamId` is the newest stream that was accepted. */
export function goAwayFrame(lastStreamId: number): Buffer {
  return wordsFrame(frameTypes.goAway, [lastStreamId, 0])
}

function wordsFrame(type: number, values: readonly number[]): Buffer {
  return Buffer.concat([controlHead(type, { length: values.length * 4, flags: 0 }), words(values)])
}

function controlHead(
  type: number,
  { length, flags }: { readonly length: number; readonly flags: number },
): Buffer {
  const head = Buffer.allocUnsafe(frameHeadLength)
  head.writeUInt16BE(controlWord, 0)
  head.writeUInt16BE(type, 2)
  head.writeUInt32BE(length, 4)
  head[4] = flags
  return head
}

function words(values: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(values.length * 4)
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value, i * 4)
  return bytes
}
