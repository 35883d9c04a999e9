// SPDX-License-Identifier: Apache-2.0
// How long a DaemonSet leaves a failed pod on a node before it makes a new one: pods that a node refuses
// again and again are not to keep everybody busy.

const baseMs = 1000
const capMs = 900_000

interface Wait {
  readonly waitMs: number
  readonly sinceMs: number
}

/** Waits by a key for DaemonSet, generation and node. */
export class FailureWaits {
  readonly #waits = new Map<string, Wait>()

  /** Milliseconds that are left; 0 when none are. */
  leftMs(key: string, nowMs: number): number {
    const wait = this.#waits.get(key)
    return wait ? Math.max(0, wait.sinceMs + wait.waitMs - nowMs) : 0
  }

  /** Counts a failure; the next one has to wait twice as long, until there was none for long. */
  note(key: string, nowMs: number): void {
    this.#dropOld(nowMs)
    const before = this.#waits.get(key)?.waitMs
    const waitMs = before === undefined ? baseMs : Math.min(2 * before, capMs)
    this.#waits.delete(key)
    this.#waits.set(key, { waitMs, sinceMs: nowMs })
  }

  // Entries lie in the order in which they were noted.
  #dropOld(nowMs: number): void {
    for (const [key, { sinceMs }] of this.#waits) {
      if (nowMs - sinceMs <= 2 * capMs) return
      this.#waits.delete(key)
    }
  }
}
