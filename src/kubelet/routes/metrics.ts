// SPDX-License-Identifier: Apache-2.0
// /metrics and what lies below it, beside /metrics/resource: the process and the kubelet, containers in
// cAdvisor's names, probes, and the results of health checks.
import type { CallContext } from '../../provider/provider.ts'
import type { PodStats } from '../../provider/stats.ts'
import type { Metrics } from '../../observe/metrics.ts'
import type { Logger } from '../../util/logger.ts'
import { messageOf } from '../../util/vk-error.ts'
import type { HealthRecord } from '../health-record.ts'
import type { KubeletNode } from '../kubelet-node.ts'
import { cadvisorFamilies } from '../metrics/cadvisor-families.ts'
import { evictionFamily } from '../metrics/eviction-families.ts'
import type { HttpMetrics } from '../metrics/http-metrics.ts'
import { kubeletFamilies } from '../metrics/kubelet-families.ts'
import { metricsContentType as contentType, metricText } from '../metrics/metric-text.ts'
import { volumeFamilies } from '../metrics/volume-families.ts'
import { probeFamilies } from '../metrics/probe-families.ts'
import { processFamilies, processStartFamily } from '../metrics/process-families.ts'
import type { Route, RouteCall } from '../router.ts'
import type { UsageSource } from '../stats/node-usage.ts'
import { sendBody } from '../text-response.ts'

export interface MetricsRoutesOptions {
  readonly node: KubeletNode
  readonly usage: UsageSource
  readonly health: HealthRecord
  readonly http: HttpMetrics
  readonly version: string
  /** URL of the API server. */
  readonly server: string
  readonly log: Logger
  /** Left out, /metrics tells of the process alone. */
  readonly metrics?: Metrics
}

/** `/metrics`, `/metrics/cadvisor`, `/metrics/probes` and `/metrics/slis`. */
export function metricsRoutes(options: MetricsRoutesOptions): readonly Route[] {
  return [
    route('/metrics', async (call) => await kubeletMetrics(call, options)),
    route('/metrics/cadvisor', async (call) => await cadvisorMetrics(call, options)),
    route('/metrics/probes', async () =>
      metricText([
        ...probeFamilies(options.node.provider.probeStats?.() ?? []),
        processStartFamily(),
      ]),
    ),
    route('/metrics/slis', async () =>
      metricText([...options.health.families(), processStartFamily()]),
    ),
  ]
}

/** `/metrics` with what the process counts and nothing of a node, for a listener of the process. */
export function processMetricsRoute(metrics: Metrics): Route {
  return route('/metrics', async () => (await metrics.registry.metrics()) + (await processText()))
}

function route(path: string, read: (call: RouteCall) => Promise<string>): Route {
  return {
    methods: ['GET'],
    path,
    async handle(call) {
      sendBody(call.response, await read(call), { contentType })
    },
  }
}

async function kubeletMetrics(call: RouteCall, options: MetricsRoutesOptions): Promise<string> {
  const { http, metrics, node, server, version } = options
  const always = (await http.text()) + (await processText())
  if (!metrics) return always
  const { nodeName } = node
  const apiServer = new URL(server).host
  const families = await kubeletFamilies({
    nodeName,
    pods: node.pods(),
    version,
    apiServer,
    metrics,
  })
  const more = [
    ...volumeFamilies(await claimStats(call, options)),
    evictionFamily(node.provider.evictions?.() ?? new Map()),
  ]
  return (await metrics.registry.metrics()) + metricText([...families, ...more]) + always
}

/** Nothing is measured on a node none of whose pods has a claim. */
async function claimStats(
  { signal }: RouteCall,
  { log, node, usage }: MetricsRoutesOptions,
): Promise<readonly PodStats[]> {
  const hasClaims = [...node.pods()].some(({ spec }) =>
    spec.volumes?.some(
      ({ persistentVolumeClaim, ephemeral }) => persistentVolumeClaim ?? ephemeral,
    ),
  )
  if (!hasClaims) return []
  return await usage.pods({ signal, log }, 'claims').catch((error: unknown) => {
    log.warn({ error: messageOf(error) }, 'Cannot read the figures of volumes for /metrics')
    return []
  })
}

async function processText(): Promise<string> {
  return metricText(await processFamilies())
}

/** What cannot be read is left out, and said in the log. */
async function cadvisorMetrics(
  { signal }: RouteCall,
  { log, node, usage }: MetricsRoutesOptions,
): Promise<string> {
  const context: CallContext = { signal, log }
  const warn = (error: unknown): undefined => {
    log.warn({ error: messageOf(error) }, 'Cannot read figures for /metrics/cadvisor')
  }
  const [nodeStats, podStats] = await Promise.all([
    usage.node(context).catch(warn),
    usage.pods(context, 'withoutDisk').catch(warn),
  ])
  const pods = new Map([...node.pods()].map((pod) => [pod.metadata.uid, pod]))
  return metricText(
    cadvisorFamilies({
      node: nodeStats,
      pods: podStats,
      podOf: (uid) => pods.get(uid),
      capacity: node.capacity?.() ?? {},
    }),
  )
}
