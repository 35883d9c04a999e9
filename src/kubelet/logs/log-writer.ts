// SPDX-License-Identifier: Apache-2.0
// Log entries to bytes: drops what is older than `since` or of another stream, puts timestamps before
// lines, stops at the limit, and packs it all into few large buffers, made one at a time as they are
// taken.
import type { LogBatch, LogEntry } from '../../provider/log-feed.ts'
import type { LogStream } from './log-options.ts'
import { TimestampFormatter } from './rfc3339.ts'

export interface LogWriterOptions {
  readonly timestamps: boolean
  readonly sinceMs?: number
  /** Of the output, timestamps counted. */
  readonly limitBytes?: number
  readonly stream?: LogStream
}

const maxPieceBytes = 256 * 1024
const newline = 10
/** Length of a timestamp and the space after it. */
const prefixLength = 31

/** Writes entries that were chosen, in their order. */
export class LogWriter {
  readonly #options: LogWriterOptions
  readonly #timestamp = new TimestampFormatter()
  #remaining: number
  #isLineStart = true

  constructor(options: LogWriterOptions) {
    this.#options = options
    this.#remaining = options.limitBytes ?? Number.POSITIVE_INFINITY
  }

  /** The limit is reached: nothing will be written any more. */
  get isFull(): boolean {
    return this.#remaining <= 0
  }

  /** The output of a batch, in pieces. Must be taken to its end. */
  *writeBatch(batch: Pick<LogBatch, 'block' | 'entries'>): Generator<Uint8Array> {
    const { sinceMs, stream, timestamps } = this.#options
    const isPlain = sinceMs === undefined && stream === undefined && !timestamps
    // Nothing to put in or leave out: the log goes out as it lies in memory.
    const block = isPlain ? batch.block : undefined
    if (block === undefined) {
      yield* this.write(batch.entries)
      return
    }
    const piece = block.subarray(0, this.#remaining)
    this.#remaining -= piece.length
    yield piece
  }

  /** The output of these entries, in pieces. Must be taken to its end. */
  *write(entries: readonly LogEntry[]): Generator<Uint8Array> {
    let left = this.#mostBytesOf(entries)
    let piece = Buffer.allocUnsafe(0)
    let used = 0
    for (const entry of entries) {
      if (this.isFull) break
      const prefix = this.#prefixOf(entry)
      if (prefix === undefined) continue
      const size = prefix.length + entry.bytes.length
      if (used + size > piece.length) {
        if (used > 0) yield piece.subarray(0, used)
        piece = Buffer.allocUnsafe(Math.max(size, Math.min(left, maxPieceBytes)))
        used = 0
      }
      piece.write(prefix, used, 'latin1')
      piece.set(entry.bytes, used + prefix.length)
      const written = Math.min(size, this.#remaining)
      used += written
      left -= written
      this.#remaining -= written
    }
    if (used > 0) yield piece.subarray(0, used)
  }

  /** What goes before the entry; undefined when it is not wanted. A skipped part of a line counts. */
  #prefixOf({ bytes, stream, timeMs }: LogEntry): string | undefined {
    const { sinceMs, stream: wanted, timestamps } = this.#options
    const isLineStart = this.#isLineStart
    this.#isLineStart = bytes.length === 0 || bytes[bytes.length - 1] === newline
    if (sinceMs !== undefined && timeMs < sinceMs) return undefined
    if (wanted !== undefined && stream !== wanted) return undefined
    return timestamps && isLineStart ? `${this.#timestamp.format(timeMs)} ` : ''
  }

  #mostBytesOf(entries: readonly LogEntry[]): number {
    let most = this.#options.timestamps ? entries.length * prefixLength : 0
    for (const { bytes } of entries) most += bytes.length
    return Math.min(most, this.#remaining)
  }
}
