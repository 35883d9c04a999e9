// SPDX-License-Identifier: Apache-2.0
// Cuts output into stored entries: a line with its newline, or parts of 16 KiB of one that is longer.
import type { LogEntry } from '../../provider/log-feed.ts'

/** Longest entry; a longer line is stored in parts. */
export const maxEntryBytes = 16_384
const newline = 0x0a

export interface Chunk {
  readonly bytes: Buffer
  readonly stream: LogEntry['stream']
  readonly timeMs: number
}

/** Appends the chunk's entries to `entries`; they share its memory. */
export function splitEntries({ bytes, stream, timeMs }: Chunk, entries: LogEntry[]): void {
  let at = 0
  while (at < bytes.length) {
    const end = entryEnd(bytes, at)
    entries.push({ timeMs, stream, bytes: bytes.subarray(at, end) })
    at = end
  }
}

/** How many entries the chunk holds. */
export function countEntries(bytes: Buffer): number {
  let count = 0
  for (let at = 0; at < bytes.length; at = entryEnd(bytes, at)) count += 1
  return count
}

function entryEnd(bytes: Buffer, at: number): number {
  const found = bytes.indexOf(newline, at)
  const end = found === -1 ? bytes.length : found + 1
  return Math.min(end, at + maxEntryBytes)
}
