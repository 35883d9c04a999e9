// SPDX-License-Identifier: Apache-2.0
// The process's own metrics, all in one place so that docs/reference can list them. Names follow
// Prometheus' conventions; labels never hold names of pods or anything else without a bound.
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { CertificateMetrics } from './certificate-metrics.ts'

const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** Every metric of the process, on a registry of its own. */
export class Metrics {
  readonly registry: Registry = new Registry()
  readonly certificates: CertificateMetrics = new CertificateMetrics(this.registry)

  readonly apiRequests: Counter<'verb' | 'resource' | 'code'> = new Counter({
    name: 'vk_api_requests_total',
    help: 'Requests to the Kubernetes API, by verb, resource and HTTP status (0: no answer).',
    labelNames: ['verb', 'resource', 'code'],
    registers: [this.registry],
  })
  readonly apiRequestDuration: Histogram<'verb'> = new Histogram({
    name: 'vk_api_request_duration_seconds',
    help: 'Time from sending a request to the Kubernetes API to its whole answer; watches excluded.',
    labelNames: ['verb'],
    buckets: seconds,
    registers: [this.registry],
  })
  readonly watchRestarts: Counter<'resource' | 'cause'> = new Counter({
    name: 'vk_watch_restarts_total',
    help: 'Watches opened again, by what ended the one before (closed, error, expired, silent).',
    labelNames: ['resource', 'cause'],
    registers: [this.registry],
  })
  readonly queueDepth: Gauge<'queue'> = new Gauge({
    name: 'vk_workqueue_depth',
    help: 'Keys that wait to be worked on.',
    labelNames: ['queue'],
    registers: [this.registry],
  })
  readonly queueWorkDuration: Histogram<'queue'> = new Histogram({
    name: 'vk_workqueue_work_duration_seconds',
    help: 'Time one key was worked on.',
    labelNames: ['queue'],
    buckets: seconds,
    registers: [this.registry],
  })
  readonly queueRetries: Counter<'queue'> = new Counter({
    name: 'vk_workqueue_retries_total',
    help: 'Keys that failed and were put back with a delay.',
    labelNames: ['queue'],
    registers: [this.registry],
  })
  readonly providerCalls: Counter<'provider' | 'call' | 'code'> = new Counter({
    name: 'vk_provider_calls_total',
    help: 'Calls to the backend by outcome: ok, or the error code.',
    labelNames: ['provider', 'call', 'code'],
    registers: [this.registry],
  })
  readonly providerCallDuration: Histogram<'provider' | 'call'> = new Histogram({
    name: 'vk_provider_call_duration_seconds',
    help: 'Time a call to the backend took.',
    labelNames: ['provider', 'call'],
    buckets: seconds,
    registers: [this.registry],
  })
  readonly pods: Gauge<'node' | 'phase'> = new Gauge({
    name: 'vk_pods',
    help: 'Pods bound to the node, by phase as last seen in the API.',
    labelNames: ['node', 'phase'],
    registers: [this.registry],
  })
  readonly podStartDuration: Histogram<'node'> = new Histogram({
    name: 'vk_pod_start_duration_seconds',
    help: 'Time from first seeing a pod to having written phase Running.',
    labelNames: ['node'],
    buckets: seconds,
    registers: [this.registry],
  })
  readonly statusWrites: Counter<'node' | 'outcome'> = new Counter({
    name: 'vk_pod_status_writes_total',
    help: 'PATCHes of pod status by outcome: ok, gone, conflict, error.',
    labelNames: ['node', 'outcome'],
    registers: [this.registry],
  })
  readonly eventsDropped: Counter<'cause'> = new Counter({
    name: 'vk_events_dropped_total',
    help: 'Events that were not written, by cause (rate, full, error).',
    labelNames: ['cause'],
    registers: [this.registry],
  })
  readonly nodeReady: Gauge<'node'> = new Gauge({
    name: 'vk_node_ready',
    help: '1 when the node was last reported Ready.',
    labelNames: ['node'],
    registers: [this.registry],
  })
  readonly leaseRenewals: Counter<'node' | 'outcome'> = new Counter({
    name: 'vk_lease_renewals_total',
    help: 'Renewals of node leases by outcome.',
    labelNames: ['node', 'outcome'],
    registers: [this.registry],
  })
}
