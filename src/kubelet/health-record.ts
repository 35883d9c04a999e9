// SPDX-License-Identifier: Apache-2.0
// How the checks of /healthz turned out whenever somebody asked: what /metrics/slis tells.
import type { HealthCheck } from './kubelet-node.ts'
import type { MetricFamily, MetricSample } from './metrics/metric-text.ts'

interface Tally {
  isGood: boolean
  good: number
  bad: number
}

/** Counts the results of checks; see `recorded`. */
export class HealthRecord {
  readonly #tallies = new Map<string, Tally>()

  /** The same checks, whose results are counted. */
  recorded(checks: readonly HealthCheck[]): readonly HealthCheck[] {
    return checks.map((one) => ({
      name: one.name,
      check: () => {
        let failure: string | undefined = 'it threw'
        try {
          failure = one.check()
          return failure
        } finally {
          this.#count(one.name, failure === undefined)
        }
      },
    }))
  }

  /** `kubernetes_healthcheck` and `kubernetes_healthchecks_total`. */
  families(): readonly MetricFamily[] {
    const last: MetricSample[] = []
    const totals: MetricSample[] = []
    for (const [name, { isGood, good, bad }] of this.#tallies) {
      const labels = { name, type: 'healthz' }
      last.push({ labels, value: isGood ? 1 : 0 })
      if (good > 0) totals.push({ labels: { ...labels, status: 'success' }, value: good })
      if (bad > 0) totals.push({ labels: { ...labels, status: 'error' }, value: bad })
    }
    return [
      {
        name: 'kubernetes_healthcheck',
        type: 'gauge',
        help: '[STABLE] This metric records the result of a single healthcheck.',
        samples: last,
      },
      {
        name: 'kubernetes_healthchecks_total',
        type: 'counter',
        help: '[STABLE] This metric records the results of all healthcheck.',
        samples: totals,
      },
    ]
  }

  #count(name: string, isGood: boolean): void {
    const tally = this.#tallies.get(name) ?? { isGood, good: 0, bad: 0 }
    tally.isGood = isGood
    if (isGood) tally.good += 1
    else tally.bad += 1
    this.#tallies.set(name, tally)
  }
}
