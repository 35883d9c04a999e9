// SPDX-License-Identifier: Apache-2.0
// One entry of a log's index: how far each output file was complete at a time. A mark is cumulative, so
// what arrived with it is what lies between it and the mark before, and one that is lost costs nothing
// but a time. A mark ends where a stored entry ends, so a log can be read from any mark.

export interface LogMark {
  readonly timeMs: number
  readonly stdoutEnd: number
  readonly stderrEnd: number
}

/** The state before anything was written. */
export const firstMark: LogMark = { timeMs: 0, stdoutEnd: 0, stderrEnd: 0 }

/** Size of a mark in the file. */
export const markBytes = 24

/** Output that arrived between two marks. */
export function spanBytes(from: LogMark, to: LogMark): number {
  return to.stdoutEnd - from.stdoutEnd + to.stderrEnd - from.stderrEnd
}

/** Puts a mark at `at`. */
export function writeMark(target: Buffer, at: number, mark: LogMark): void {
  target.writeDoubleLE(mark.timeMs, at)
  target.writeUIntLE(mark.stdoutEnd, at + 8, 6)
  target.writeUIntLE(mark.stderrEnd, at + 14, 6)
  target.writeUInt32LE(checksum(target, at), at + 20)
}

/** The mark at `at`, or undefined when what lies there is none (torn by a power loss). */
export function readMark(source: Buffer, at: number): LogMark | undefined {
  if (at + markBytes > source.length) return undefined
  if (source.readUInt32LE(at + 20) !== checksum(source, at)) return undefined
  return {
    timeMs: source.readDoubleLE(at),
    stdoutEnd: source.readUIntLE(at + 8, 6),
    stderrEnd: source.readUIntLE(at + 14, 6),
  }
}

function checksum(bytes: Buffer, at: number): number {
  // FNV-1a by words; starts off zero so that a hole in the file is no valid mark.
  let sum = 0x811c9dc5
  for (let word = 0; word < 20; word += 4) {
    sum = Math.imul(sum ^ bytes.readUInt32LE(at + word), 0x01000193) >>> 0
    sum = (sum ^ (sum >>> 15)) >>> 0
  }
  return sum
}
