// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Metrics } from '../../observe/metrics.ts'
import { metricText } from './metric-text.ts'
import { operationFamilies } from './operation-families.ts'

test('calls to backends are the operations of a runtime, summed over backends', async () => {
  const metrics = new Metrics()
  metrics.providerCalls.inc({ provider: 'one', call: 'createPod', code: 'ok' }, 2)
  metrics.providerCalls.inc({ provider: 'one', call: 'createPod', code: 'Timeout' })
  metrics.providerCalls.inc({ provider: 'two', call: 'createPod', code: 'ok' }, 4)
  metrics.providerCalls.inc({ provider: 'two', call: 'listPods', code: 'ok' })
  for (const provider of ['one', 'two']) {
    metrics.providerCallDuration.observe({ provider, call: 'createPod' }, 0.5)
  }
  metrics.queueWorkDuration.observe({ queue: 'pods' }, 0.25)
  metrics.queueWorkDuration.observe({ queue: 'others' }, 9)
  const text = metricText(await operationFamilies(metrics))
  for (const line of [
    'kubelet_runtime_operations_total{operation_type="create_pod"} 7',
    'kubelet_runtime_operations_total{operation_type="list_pods"} 1',
    'kubelet_runtime_operations_errors_total{operation_type="create_pod"} 1',
    'kubelet_runtime_operations_duration_seconds_bucket{operation_type="create_pod",le="0.25"} 0',
    'kubelet_runtime_operations_duration_seconds_bucket{operation_type="create_pod",le="+Inf"} 2',
    'kubelet_runtime_operations_duration_seconds_sum{operation_type="create_pod"} 1',
    'kubelet_pod_worker_duration_seconds_sum{operation_type="sync"} 0.25',
  ]) {
    assert.ok(text.split('\n').includes(line), `${line}\n${text}`)
  }
})
