// SPDX-License-Identifier: Apache-2.0
// How many pods were evicted and for what, by the kubelet's name.
import type { MetricFamily } from './metric-text.ts'

/** `kubelet_evictions`; without samples as long as no pod was evicted. */
export function evictionFamily(evictions: ReadonlyMap<string, number>): MetricFamily {
  return {
    name: 'kubelet_evictions',
    type: 'counter',
    help: '[ALPHA] Cumulative number of pod evictions by eviction signal',
    samples: [...evictions].map(([signal, value]) => ({
      labels: { eviction_signal: signal },
      value,
    })),
  }
}
