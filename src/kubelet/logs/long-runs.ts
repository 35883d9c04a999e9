// SPDX-License-Identifier: Apache-2.0
// Entries whose bytes lie one behind the other in memory, as they do when a backend cut them from a block
// that it read: they can be sent as one piece, without a look at any line.
import type { LogEntry } from '../../provider/log-feed.ts'

/** Entries `start` to before `end`, and their bytes. */
export interface LogRun {
  readonly start: number
  readonly end: number
  readonly bytes: Uint8Array
}

/** Below it a copy into a larger piece is cheaper than a piece of its own. */
const minRunBytes = 8 * 1024

/** The runs that are worth a piece of their own, in order. */
export function* longRuns(entries: readonly LogEntry[]): Generator<LogRun> {
  for (let start = 0; start < entries.length;) {
    const { end, length } = runFrom(entries, start)
    const first = entries[start]?.bytes
    if (first && length >= minRunBytes) {
      yield { start, end, bytes: new Uint8Array(first.buffer, first.byteOffset, length) }
    }
    start = end
  }
}

/** Where the run ends that begins at `start`, and how many bytes it has. */
function runFrom(
  entries: readonly LogEntry[],
  start: number,
): { readonly end: number; readonly length: number } {
  const first = entries[start]?.bytes
  let end = start
  let length = 0
  for (; end < entries.length; end += 1) {
    const bytes = entries[end]?.bytes
    if (!first || !bytes || bytes.buffer !== first.buffer) break
    if (bytes.byteOffset !== first.byteOffset + length) break
    length += bytes.length
  }
  return { end: Math.max(end, start + 1), length }
}
