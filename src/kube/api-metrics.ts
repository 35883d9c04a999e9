// SPDX-License-Identifier: Apache-2.0
// Counts requests. prom-client builds a key from the labels at each call; here the labelled counter
// is looked up once and kept, as this lies on the hot path.
import type { Metrics } from '../observe/metrics.ts'

/** Metrics of requests to the API; does nothing without `metrics`. */
export class ApiMetrics {
  readonly #metrics: Metrics | undefined
  readonly #counters = new Map<string, { inc(): void }>()
  readonly #durations = new Map<string, { observe(seconds: number): void }>()

  constructor(metrics: Metrics | undefined) {
    this.#metrics = metrics
  }

  /** Counts a request and its duration; status 0 where there was no answer. */
  observe(
    call: { readonly verb: string; readonly resource: string },
    status: number,
    durationMs: number,
  ): void {
    if (!this.#metrics) return
    this.count(call.verb, call.resource, status)
    let duration = this.#durations.get(call.verb)
    if (!duration) {
      duration = this.#metrics.apiRequestDuration.labels({ verb: call.verb })
      this.#durations.set(call.verb, duration)
    }
    duration.observe(durationMs / 1000)
  }

  /** Counts a request. */
  count(verb: string, resource: string, status: number): void {
    if (!this.#metrics) return
    const key = `${verb} ${resource} ${status}`
    let counter = this.#counters.get(key)
    if (!counter) {
      counter = this.#metrics.apiRequests.labels({ verb, resource, code: String(status) })
      this.#counters.set(key, counter)
    }
    counter.inc()
  }
}
