// SPDX-License-Identifier: Apache-2.0
// What a kubelet tells of its probes, under the same names and labels.
import { probeSecondsBounds, type ProbeStats } from '../../provider/stats.ts'
import type { MetricFamily, MetricSample } from './metric-text.ts'

const typeOf: Readonly<Record<ProbeStats['kind'], string>> = {
  startup: 'Startup',
  liveness: 'Liveness',
  readiness: 'Readiness',
}

/** The families `prober_*`. */
export function probeFamilies(all: readonly ProbeStats[]): readonly MetricFamily[] {
  return [
    {
      name: 'prober_probe_duration_seconds',
      type: 'histogram',
      help: '[ALPHA] Duration in seconds for a probe response.',
      // A kubelet times only what succeeds.
      samples: all.filter(({ successes }) => successes > 0).flatMap(durations),
    },
    {
      name: 'prober_probe_total',
      type: 'counter',
      help: '[BETA] Cumulative number of a liveness, readiness or startup probe for a container by result.',
      samples: all.flatMap(totals),
    },
  ]
}

function labelsOf({ container, kind, podRef }: ProbeStats): Readonly<Record<string, string>> {
  const { namespace, name } = podRef
  return { container, namespace, pod: name, probe_type: typeOf[kind] }
}

function totals(stats: ProbeStats): readonly MetricSample[] {
  const results = [
    ['failed', stats.failures],
    ['successful', stats.successes],
  ] as const
  return results.flatMap(([result, value]) =>
    value === 0
      ? []
      : [{ labels: { ...labelsOf(stats), pod_uid: stats.podRef.uid, result }, value }],
  )
}

function durations(stats: ProbeStats): readonly MetricSample[] {
  const labels = labelsOf(stats)
  let total = 0
  const buckets = probeSecondsBounds.map((bound, index) => {
    total += stats.buckets[index] ?? 0
    return { suffix: '_bucket', labels: { ...labels, le: String(bound) }, value: total }
  })
  return [
    ...buckets,
    { suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: stats.successes },
    { suffix: '_sum', labels, value: stats.seconds },
    { suffix: '_count', labels, value: stats.successes },
  ]
}
