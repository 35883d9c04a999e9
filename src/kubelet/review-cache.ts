// SPDX-License-Identifier: Apache-2.0
// Answers of the API server's reviews, remembered for a while. Good and bad answers lie apart, so that
// somebody who guesses tokens cannot push the good ones out; a failed review is never remembered; and
// callers who ask the same at the same time share one request.
import type { Clock } from '../util/clock.ts'
import { ExpiringCache } from './expiring-cache.ts'

/** What a review said, and whether it was a yes. */
export interface Verdict<V> {
  readonly value: V
  readonly isPositive: boolean
}

export interface ReviewCacheOptions {
  readonly clock: Clock
  readonly positiveTtlMs: number
  readonly negativeTtlMs: number
  /** Answers kept of each sort. */
  readonly maxEntries?: number
}

/** Remembers verdicts by key. */
export class ReviewCache<V> {
  readonly #positive: ExpiringCache<V>
  readonly #negative: ExpiringCache<V>
  readonly #pending = new Map<string, Promise<V>>()
  readonly #options: ReviewCacheOptions

  constructor(options: ReviewCacheOptions) {
    const { clock, maxEntries = 4096 } = options
    this.#options = options
    this.#positive = new ExpiringCache({ maxEntries, clock })
    this.#negative = new ExpiringCache({ maxEntries, clock })
  }

  /** The remembered answer for `key`, else that of `review`. */
  async get(key: string, review: () => Promise<Verdict<V>>): Promise<V> {
    const known = this.#positive.get(key) ?? this.#negative.get(key)
    if (known !== undefined) return known
    const pending = this.#pending.get(key)
    if (pending) return await pending
    const asked = this.#ask(key, review)
    this.#pending.set(key, asked)
    try {
      return await asked
    } finally {
      this.#pending.delete(key)
    }
  }

  async #ask(key: string, review: () => Promise<Verdict<V>>): Promise<V> {
    const { value, isPositive } = await review()
    const { positiveTtlMs, negativeTtlMs } = this.#options
    if (isPositive) this.#positive.set(key, value, positiveTtlMs)
    else this.#negative.set(key, value, negativeTtlMs)
    return value
  }
}
