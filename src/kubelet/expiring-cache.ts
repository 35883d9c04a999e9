// SPDX-License-Identifier: Apache-2.0
// A map that forgets: each entry after its time, and the least recently used one when it is full. It
// never holds more than it was allowed to, whoever chooses the keys.
import type { Clock } from '../util/clock.ts'

interface Entry<V> {
  readonly value: V
  readonly expiresAtMs: number
}

/** A bounded cache with a lifetime per entry. */
export class ExpiringCache<V> {
  readonly #entries = new Map<string, Entry<V>>()
  readonly #maxEntries: number
  readonly #clock: Clock

  constructor(options: { readonly maxEntries: number; readonly clock: Clock }) {
    this.#maxEntries = options.maxEntries
    this.#clock = options.clock
  }

  get(key: string): V | undefined {
    const entry = this.#entries.get(key)
    if (!entry) return undefined
    this.#entries.delete(key)
    if (entry.expiresAtMs <= this.#clock.monotonicMs()) return undefined
    this.#entries.set(key, entry)
    return entry.value
  }

  set(key: string, value: V, ttlMs: number): void {
    this.#entries.delete(key)
    this.#entries.set(key, { value, expiresAtMs: this.#clock.monotonicMs() + ttlMs })
    if (this.#entries.size <= this.#maxEntries) return
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest)
      return
    }
  }

  get size(): number {
    return this.#entries.size
  }
}
