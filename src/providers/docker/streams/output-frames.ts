// SPDX-License-Identifier: Apache-2.0
// The engine's way to send two streams over one connection: eight bytes of header (which stream, how long),
// then the bytes. Frames are handed on as they come, in order, at the reader's pace.
export interface OutputFrame {
  readonly stream: 'stdout' | 'stderr'
  readonly bytes: Buffer
}

const headerBytes = 8
const stderrType = 2
/** No engine sends longer ones; the bound keeps a broken peer from filling the memory. */
const maxFrameBytes = 16 << 20

/** Whole frames, those of one piece of the connection together. Fails as the connection does. */
export async function* outputFrames(
  connection: AsyncIterable<Buffer>,
): AsyncGenerator<readonly OutputFrame[], void, void> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of connection) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const { frames, left } = split(rest)
    rest = left
    if (frames.length > 0) yield frames
  }
}

function split(bytes: Buffer): { readonly frames: readonly OutputFrame[]; readonly left: Buffer } {
  const frames: OutputFrame[] = []
  let at = 0
  while (bytes.length - at >= headerBytes) {
    const length = bytes.readUInt32BE(at + 4)
    if (length > maxFrameBytes) throw new Error('the engine sent a frame beyond all measure')
    const end = at + headerBytes + length
    if (end > bytes.length) break
    const stream = bytes[at] === stderrType ? 'stderr' : 'stdout'
    frames.push({ stream, bytes: bytes.subarray(at + headerBytes, end) })
    at = end
  }
  return { frames, left: bytes.subarray(at) }
}
