// SPDX-License-Identifier: Apache-2.0
// How far a log has been read. An engine can be asked for what came since a second; of its answer as many
// entries are passed over as were read of that second before, because an engine never changes their order.
// Times are no guide within it: two streams are stamped side by side, and Podman stamps by the second.
import type { LogEntry } from '../../../provider/log-feed.ts'

/** The place after the last entry that was read. */
export class LogPosition {
  #second = -1
  /** Entries read of that second. */
  #count = 0
  #toSkip = 0

  /** Where a new request begins, in seconds; undefined for at the start. */
  get since(): number | undefined {
    return this.#second < 0 ? undefined : this.#second
  }

  /** A request for what came since then begins. */
  rewind(): void {
    this.#toSkip = this.#count
  }

  /** Those entries of the answer that were not read before; they count as read now. */
  advance(entries: readonly LogEntry[]): readonly LogEntry[] {
    const skipped = Math.min(this.#toSkip, entries.length)
    this.#toSkip -= skipped
    const fresh = entries.slice(skipped)
    for (const { timeMs } of fresh) this.#note(Math.floor(timeMs / 1000))
    return fresh
  }

  /** One of an earlier second, that came late, is not in the answer to the next request. */
  #note(second: number): void {
    if (second > this.#second) {
      this.#second = second
      this.#count = 0
    }
    if (second === this.#second) this.#count += 1
  }
}
