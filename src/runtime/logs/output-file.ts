// SPDX-License-Identifier: Apache-2.0
// One output file of a container run, which the container itself appends to. Looking at it is synchronous:
// it is in the page cache, and the order of arrival across both files depends on looking at once.
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { maxEntryBytes } from './split-entries.ts'

const newline = 0x0a
const blockBytes = 16_384
/** No mark spans more, so that the last lines are found without reading much and batches stay small. */
const maxMarkBytes = 1 << 18

export interface FileState {
  readonly size: number
  readonly modifiedMs: number
}

/** Size and time of last change; nothing yet when it does not exist. */
export function stateOf(path: string): FileState {
  const stats = statSync(path, { throwIfNoEntry: false })
  return { size: stats?.size ?? 0, modifiedMs: stats?.mtimeMs ?? 0 }
}

/**
 * Ends of whole entries between `from` and `size`, at most 256 KiB apart. `isFinal`: nothing more is
 * written, so an unterminated rest counts.
 */
export function entryEnds(
  path: string,
  {
    from,
    size,
    isFinal,
  }: { readonly from: number; readonly size: number; readonly isFinal: boolean },
): readonly number[] {
  if (size <= from) return []
  const file = openSync(path, 'r')
  try {
    const ends: number[] = []
    let at = from
    while (at < size) {
      const limit = Math.min(size, at + maxMarkBytes)
      const end = lastEntryEnd(file, at, limit)
      if (end === at) break
      ends.push(end)
      at = end
    }
    if (isFinal && at < size) ends.push(size)
    return ends
  } finally {
    closeSync(file)
  }
}

/** The last end of a whole entry in (from, to], or `from` when no entry is complete. */
function lastEntryEnd(file: number, from: number, to: number): number {
  const block = Buffer.allocUnsafe(Math.min(blockBytes, to - from))
  for (let end = to; end > from;) {
    const begin = Math.max(from, end - block.length)
    const count = readSync(file, block, 0, end - begin, begin)
    const found = block.subarray(0, count).lastIndexOf(newline)
    if (found !== -1) return withParts(begin + found + 1, to)
    end = begin
  }
  return withParts(from, to)
}

/** Beyond the last newline only full parts of a long line are whole. */
function withParts(lineStart: number, to: number): number {
  return to - ((to - lineStart) % maxEntryBytes)
}
