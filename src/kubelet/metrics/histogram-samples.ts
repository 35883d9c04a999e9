// SPDX-License-Identifier: Apache-2.0
// Values of one of the process's histograms as samples of another family.
import type { MetricSample } from './metric-text.ts'

type Labels = Readonly<Record<string, string>>

/** As prom-client hands them out; its types do not know of the bound of a bucket. */
interface HistogramValue<L> {
  readonly value: number
  readonly metricName?: string | undefined
  readonly labels: L
}

/** The same buckets, sums and counts, under the labels that `labelsOf` makes of the old ones. */
export function bucketSamples<L extends object>(
  values: readonly HistogramValue<L>[],
  labelsOf: (labels: L) => Labels,
): readonly MetricSample[] {
  return values.map(({ labels, metricName = '', value }) => ({
    labels: { ...labelsOf(labels), ...bound(labels) },
    suffix: /_(?:bucket|sum|count)$/.exec(metricName)?.[0] ?? '',
    value,
  }))
}

function bound(labels: { readonly le?: string | number }): Labels {
  const { le } = labels
  if (le === undefined) return {}
  return { le: le === Infinity ? '+Inf' : String(le) }
}
