// SPDX-License-Identifier: Apache-2.0
// Reads notes of a line or two that somebody on this machine has just written. They are in memory, where to
// wait for them costs many times as much as to read them.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/** What a container's processes can add to is not read whole. */
const maxBytes = 64 * 1024

export interface ShortFile {
  readonly text: string
  /** When it was last written. */
  readonly atMs: number
}

/** Undefined: there is no such file. */
export function readShortFile(path: string): ShortFile | undefined {
  const descriptor = openIfThere(path)
  if (descriptor === undefined) return undefined
  try {
    const { mtimeMs, size } = fstatSync(descriptor)
    const bytes = Buffer.alloc(Math.min(size, maxBytes))
    const length = readSync(descriptor, bytes)
    return { text: bytes.toString('utf8', 0, length), atMs: mtimeMs }
  } finally {
    closeSync(descriptor)
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
