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
  const frame = controlFrame(type, { words: fixed, moreBytes: block.length })
  frame[4] = flags
  block.copy(frame, frame.length - block.length)
  return frame
}

export function resetFrame(streamId: number, status: ResetStatus): Buffer {
  return controlFrame(frameTypes.rstStream, { words: [streamId, status] })
}

export function pingFrame(id: number): Buffer {
  return controlFrame(frameTypes.ping, { words: [id] })
}

/** Says goodbye; `lastStreamId` is the newest stream that was accepted. */
export function goAwayFrame(lastStreamId: number): Buffer {
  return controlFrame(frameTypes.goAway, { words: [lastStreamId, 0] })
}

/** With room for `moreBytes` at its end. */
function controlFrame(
  type: number,
  { words, moreBytes = 0 }: { readonly words: readonly number[]; readonly moreBytes?: number },
): Buffer {
  const length = words.length * 4 + moreBytes
  const frame = Buffer.allocUnsafe(frameHeadLength + length)
  frame.writeUInt16BE(controlWord, 0)
  frame.writeUInt16BE(type, 2)
  // Flags, which are none, and three bytes of length.
  frame.writeUInt32BE(length, 4)
  let at = frameHeadLength
  for (const word of words) at = frame.writeUInt32BE(word, at)
  return frame
}
