// SPDX-License-Identifier: Apache-2.0
// A batch of stored output. Its lines are only looked for when somebody asks for them: who wants the log as
// it is takes the bytes.
import type { LogBatch, LogEntry } from '../../provider/log-feed.ts'
import { splitEntries } from './split-entries.ts'
import type { Chunk } from './split-entries.ts'

/** Chunks of whole entries, in order. */
export class StoredBatch implements LogBatch {
  readonly isLive: boolean
  readonly #chunks: readonly Chunk[]
  #entries: readonly LogEntry[] | undefined

  constructor(chunks: readonly Chunk[], { isLive }: { readonly isLive: boolean }) {
    this.#chunks = chunks
    this.isLive = isLive
  }

  get entries(): readonly LogEntry[] {
    if (this.#entries) return this.#entries
    const entries: LogEntry[] = []
    for (const chunk of this.#chunks) splitEntries(chunk, entries)
    this.#entries = entries
    return entries
  }

  /** Copied only where the chunks do not lie one behind the other, as those of one block of a file do. */
  get block(): Uint8Array {
    const [first, ...rest] = this.#chunks.map(({ bytes }) => bytes)
    if (!first) return new Uint8Array(0)
    let end = first.byteOffset + first.length
    for (const { buffer, byteOffset, length } of rest) {
      if (buffer !== first.buffer || byteOffset !== end) return Buffer.concat([first, ...rest])
      end += length
    }
    return new Uint8Array(first.buffer, first.byteOffset, end - first.byteOffset)
  }
}
