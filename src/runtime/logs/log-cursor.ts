// SPDX-License-Identifier: Apache-2.0
// A place in a log and what comes next. It goes by offsets in the output files, so that marks which
// are missing, and ranges which rotation takes away meanwhile, are simply passed over.
import type { LogMark } from './log-mark.ts'
import type { LogTailer } from './log-tailer.ts'
import type { Chunk } from './split-entries.ts'
import type { StreamReader } from './stream-reader.ts'

export interface Streams {
  readonly stdout: StreamReader
  readonly stderr: StreamReader
}

const marksPerRead = 1024
const batchBytes = 256 * 1024
const batchChunks = 4096

/** Reads forward through a log. */
export class LogCursor {
  readonly #tailer: LogTailer
  readonly #streams: Streams
  /** Number of the mark to read next from the index. */
  #position: number
  #at: LogMark
  #marks: readonly LogMark[] = []
  #taken = 0

  constructor(tailer: LogTailer, from: { streams: Streams; position: number; at: LogMark }) {
    this.#tailer = tailer
    this.#streams = from.streams
    this.#position = from.position
    this.#at = from.at
  }

  /** Is nothing left before mark number `end`? */
  isAt(end: number): boolean {
    return this.#taken === this.#marks.length && this.#position >= end
  }

  /** The next output before mark number `end`, one batch at most; undefined at the end. */
  async next(end: number): Promise<readonly Chunk[] | undefined> {
    const chunks: Chunk[] = []
    let size = 0
    while (size < batchBytes && chunks.length < batchChunks) {
      const mark = await this.#nextMark(end)
      if (!mark) break
      size += await this.#take(mark, chunks)
    }
    return chunks.length === 0 ? undefined : chunks
  }

  async #nextMark(end: number): Promise<LogMark | undefined> {
    while (this.#taken === this.#marks.length) {
      if (this.#position >= end) return undefined
      const limit = Math.min(marksPerRead, end - this.#position)
      const { next, marks } = await this.#tailer.index.read(this.#position, limit)
      this.#position = Math.max(next, this.#position + 1)
      this.#marks = marks
      this.#taken = 0
    }
    this.#taken += 1
    return this.#marks[this.#taken - 1]
  }

  /** Appends what came with the mark; returns its size. */
  async #take(mark: LogMark, chunks: Chunk[]): Promise<number> {
    const before = this.#at
    this.#at = mark
    let size = 0
    for (const stream of ['stdout', 'stderr'] as const) {
      const key = `${stream}End` as const
      const { index } = this.#tailer
      const from = Math.max(before[key], index.beforeBase[key])
      if (mark[key] <= from) continue
      const bytes = await this.#streams[stream].read(from, mark[key], index.last[key])
      // Rotation came in between: what was read may be a hole by now.
      if (index.beforeBase[key] > from) continue
      if (bytes.length > 0) chunks.push({ bytes, stream, timeMs: mark.timeMs })
      size += bytes.length
    }
    return size
  }
}
