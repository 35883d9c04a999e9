// SPDX-License-Identifier: Apache-2.0
// The metrics of a kubelet by their usual names, for dashboards and alerts that were made for one: of
// this node alone, though the process may have several.
import type { ContainerState, Pod } from '../../kube/types.gen.ts'
import type { Metrics } from '../../observe/metrics.ts'
import { bucketSamples } from './histogram-samples.ts'
import type { MetricFamily, MetricSample } from './metric-text.ts'
import { operationFamilies } from './operation-families.ts'

export interface KubeletFamiliesInput {
  readonly nodeName: string
  readonly pods: Iterable<Pod>
  /** Such as `v1.36.3-vk-0.1.0`. */
  readonly version: string
  /** HOST:PORT of the API server. */
  readonly apiServer: string
  readonly metrics: Metrics
}

/** The families `kubelet_*`, `rest_client_requests_total` and `kubernetes_build_info`. */
export async function kubeletFamilies(
  input: KubeletFamiliesInput,
): Promise<readonly MetricFamily[]> {
  const pods = [...input.pods]
  return [
    {
      name: 'kubelet_node_name',
      type: 'gauge',
      help: "[ALPHA] The node's name. The count is always 1.",
      samples: [{ labels: { node: input.nodeName }, value: 1 }],
    },
    ...runningFamilies(pods),
    ...podCountFamilies(pods),
    ...(await podStartFamilies(input)),
    ...(await operationFamilies(input.metrics)),
    await apiRequestsFamily(input),
    buildInfoFamily(input.version),
  ]
}

/** The kubelet's words for the states of containers. */
const stateNames: Readonly<Record<keyof ContainerState, string>> = {
  running: 'running',
  terminated: 'exited',
  waiting: 'created',
}

function runningFamilies(pods: readonly Pod[]): readonly MetricFamily[] {
  const containers = new Map<string, number>()
  let runningPods = 0
  for (const { status } of pods) {
    const all = [
      ...(status?.initContainerStatuses ?? []),
      ...(status?.containerStatuses ?? []),
      ...(status?.ephemeralContainerStatuses ?? []),
    ]
    for (const { state = {} } of all) {
      const [kind] = Object.keys(state) as (keyof ContainerState)[]
      const name = kind === undefined ? 'unknown' : stateNames[kind]
      containers.set(name, (containers.get(name) ?? 0) + 1)
    }
    if (all.some(({ state }) => state?.running)) runningPods += 1
  }
  return [
    {
      name: 'kubelet_running_pods',
      type: 'gauge',
      help: '[ALPHA] Number of pods of which a container runs.',
      samples: [{ value: runningPods }],
    },
    {
      name: 'kubelet_running_containers',
      type: 'gauge',
      help: '[ALPHA] Number of containers by state.',
      samples: [...containers].map(([state, value]) => ({
        labels: { container_state: state },
        value,
      })),
    },
  ]
}

/** The node's share of `vk_pod_start_duration_seconds`. */
async function podStartFamilies({
  metrics,
  nodeName,
}: KubeletFamiliesInput): Promise<readonly MetricFamily[]> {
  const { values } = await metrics.podStartDuration.get()
  const own = values.filter(({ labels }) => labels.node === nodeName)
  const samples = bucketSamples(own, () => ({}))
  const started = samples.find(({ suffix }) => suffix === '_count')?.value ?? 0
  return [
    {
      name: 'kubelet_pod_start_duration_seconds',
      type: 'histogram',
      help: '[ALPHA] Time from first seeing a pod to having written phase Running.',
      samples,
    },
    {
      name: 'kubelet_started_pods_total',
      type: 'counter',
      help: '[ALPHA] Cumulative number of pods started',
      samples: [{ value: started }],
    },
  ]
}

/** None of a node's pods here is static: all come from the API server. */
function podCountFamilies(pods: readonly Pod[]): readonly MetricFamily[] {
  const labels = { static: 'false' }
  const active = pods.filter(({ status }) => !/^(?:Succeeded|Failed)$/.test(status?.phase ?? ''))
  return [
    {
      name: 'kubelet_desired_pods',
      type: 'gauge',
      help: '[ALPHA] Number of pods that this node is to run.',
      samples: [{ labels, value: pods.length }],
    },
    {
      name: 'kubelet_active_pods',
      type: 'gauge',
      help: '[ALPHA] Number of pods that have not ended.',
      samples: [{ labels, value: active.length }],
    },
  ]
}

const methods: Readonly<Record<string, string>> = {
  get: 'GET',
  list: 'GET',
  watch: 'GET',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
}

/** `vk_api_requests_total` in client-go's terms. */
async function apiRequestsFamily({
  apiServer,
  metrics,
}: KubeletFamiliesInput): Promise<MetricFamily> {
  const samples = new Map<string, MetricSample>()
  for (const { labels, value } of (await metrics.apiRequests.get()).values) {
    const code = String(labels.code) === '0' ? '<error>' : String(labels.code)
    const method = methods[String(labels.verb)] ?? ''
    const key = `${code} ${method}`
    const sum = (samples.get(key)?.value ?? 0) + value
    samples.set(key, { labels: { code, host: apiServer, method }, value: sum })
  }
  return {
    name: 'rest_client_requests_total',
    type: 'counter',
    help: '[ALPHA] Number of HTTP requests, partitioned by status code, method, and host.',
    samples: [...samples.values()],
  }
}

function buildInfoFamily(version: string): MetricFamily {
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)/.exec(version) ?? []
  const platform = `${process.platform}/${process.arch}`
  return {
    name: 'kubernetes_build_info',
    type: 'gauge',
    help: '[ALPHA] A metric with a constant value of 1, labelled by version.',
    samples: [{ labels: { git_version: version, major, minor, platform }, value: 1 }],
  }
}
