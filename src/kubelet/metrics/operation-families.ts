// SPDX-License-Identifier: Apache-2.0
// What the process counts of its calls to backends and of its pod workers, under the names that dashboards of
// kubelets look for.
import type { Metrics } from '../../observe/metrics.ts'
import { bucketSamples } from './histogram-samples.ts'
import type { MetricFamily, MetricSample } from './metric-text.ts'

type Labels = Readonly<Record<string, string>>

/** `kubelet_runtime_operations_*` and `kubelet_pod_worker_duration_seconds`. */
export async function operationFamilies({
  providerCallDuration,
  providerCalls,
  queueWorkDuration,
}: Metrics): Promise<readonly MetricFamily[]> {
  const calls = (await providerCalls.get()).values
  const durations = (await providerCallDuration.get()).values
  const work = (await queueWorkDuration.get()).values
  return [
    {
      name: 'kubelet_runtime_operations_total',
      type: 'counter',
      help: '[ALPHA] Cumulative number of runtime operations by operation type.',
      samples: summed(calls.map(({ labels, value }) => ({ labels: operationOf(labels), value }))),
    },
    {
      name: 'kubelet_runtime_operations_errors_total',
      type: 'counter',
      help: '[ALPHA] Cumulative number of runtime operation errors by operation type.',
      samples: summed(
        calls
          .filter(({ labels }) => labels.code !== 'ok')
          .map(({ labels, value }) => ({ labels: operationOf(labels), value })),
      ),
    },
    {
      name: 'kubelet_runtime_operations_duration_seconds',
      type: 'histogram',
      help: '[ALPHA] Duration in seconds of runtime operations. Broken down by operation type.',
      samples: summed(bucketSamples(durations, operationOf)),
    },
    {
      name: 'kubelet_pod_worker_duration_seconds',
      type: 'histogram',
      help: '[ALPHA] Duration in seconds to sync a single pod.',
      samples: bucketSamples(
        work.filter(({ labels }) => labels.queue === 'pods'),
        () => ({ operation_type: 'sync' }),
      ),
    },
  ]
}

/** `createPod` is `create_pod`, as a kubelet writes its operations. */
function operationOf({ call = '' }: { readonly call?: string | number | undefined }): Labels {
  const name = String(call).replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  return { operation_type: name }
}

/** Several providers in a process are one runtime here. */
function summed(samples: readonly MetricSample[]): readonly MetricSample[] {
  const sums = new Map<string, MetricSample>()
  for (const sample of samples) {
    const key = JSON.stringify([sample.suffix, sample.labels])
    const value = sample.value + (sums.get(key)?.value ?? 0)
    sums.set(key, { ...sample, value })
  }
  return [...sums.values()]
}
