// SPDX-License-Identifier: Apache-2.0
// The last N entries of a log while it is read from its beginning. It holds no more than so many bytes:
// beyond that it lets go of everything and only counts, and the log has to be read a second time.
import type { LogEntry } from '../../provider/log-feed.ts'

/** What an entry costs beside its bytes. */
const overheadBytes = 128

export class TailRing {
  readonly #limit: number
  readonly #maxBytes: number
  #entries: (LogEntry | undefined)[] = []
  #start = 0
  #bytes = 0
  #count = 0
  #hasOverflowed = false

  constructor(options: { readonly limit: number; readonly maxBytes: number }) {
    this.#limit = options.limit
    this.#maxBytes = options.maxBytes
  }

  push(entry: LogEntry): void {
    this.#count++
    if (this.#hasOverflowed) return
    this.#entries.push(entry)
    this.#bytes += entry.bytes.length + overheadBytes
    if (this.#entries.length - this.#start > this.#limit) this.#dropOldest()
    if (this.#bytes <= this.#maxBytes) return
    this.#hasOverflowed = true
    this.#entries = []
    this.#start = 0
  }

  /** What was kept, oldest first; the ring is empty afterwards. */
  take(): readonly LogEntry[] {
    const kept = this.#entries.slice(this.#start) as LogEntry[]
    this.#entries = []
    this.#start = 0
    this.#bytes = 0
    return kept
  }

  /** How many entries are to be skipped from the beginning on, to get at the last N another way. */
  get skipped(): number {
    return Math.max(0, this.#count - this.#limit)
  }

  get hasOverflowed(): boolean {
    return this.#hasOverflowed
  }

  #dropOldest(): void {
    const oldest = this.#entries[this.#start]
    this.#entries[this.#start] = undefined
    this.#bytes -= (oldest?.bytes.length ?? 0) + overheadBytes
    this.#start++
    if (this.#start < 1024 || this.#start * 2 < this.#entries.length) return
    this.#entries = this.#entries.slice(this.#start)
    this.#start = 0
  }
}
