// SPDX-License-Identifier: Apache-2.0
// What dashboards read from /metrics/cadvisor, as far as the backend knows it: usage of containers and
// pods, and the limits that their specs name. A figure that nobody measured is left out, never zero.
import { parseQuantity } from '../../util/quantity.ts'
import type { Container, ContainerStatus, Pod } from '../../kube/types.gen.ts'
import type { ContainerStats, NodeStats, PodStats } from '../../provider/stats.ts'
import type { MetricFamily, MetricSample } from './metric-text.ts'

export interface CadvisorInput {
  readonly node: NodeStats | undefined
  readonly pods: readonly PodStats[] | undefined
  /** The pod of a uid, for images, ids and limits. */
  readonly podOf: (uid: string) => Pod | undefined
  /** Resources of the node, as in its status. */
  readonly capacity: Readonly<Record<string, string>>
}

/** A quantity as a plain number. */
function amountOf(text: string): number {
  return Number(parseQuantity(text).nanos) / 1e9
}

type Labels = Readonly<Record<string, string>>
type Usage = Pick<ContainerStats, 'cpu' | 'memory'>

const cfsPeriodMicros = 100_000
const sharesPerCore = 1024

/** The families that have samples. */
export function cadvisorFamilies(input: CadvisorInput): readonly MetricFamily[] {
  const sheet = new Sheet()
  const none = { container: '', image: '', name: '', namespace: '', pod: '' }
  if (input.node) sheet.usage({ ...none, id: '/' }, input.node)
  for (const stats of input.pods ?? []) addPod(sheet, stats, input.podOf(stats.podRef.uid))
  const { cpu, memory } = input.capacity
  if (cpu !== undefined) sheet.add('machine_cpu_cores', {}, amountOf(cpu))
  if (memory !== undefined) sheet.add('machine_memory_bytes', {}, amountOf(memory))
  return sheet.families()
}

function addPod(sheet: Sheet, stats: PodStats, pod: Pod | undefined): void {
  const { name, namespace, uid } = stats.podRef
  const whole = { container: '', id: uid, image: '', name: '', namespace, pod: name }
  sheet.usage(whole, stats)
  for (const container of stats.containers) {
    const status = statusOf(pod, container.name)
    const id = status?.containerID?.replace(/^.*:\/\//, '') ?? ''
    const labels = {
      ...whole,
      container: container.name,
      id: id === '' ? `${uid}/${container.name}` : id,
      image: status?.image ?? '',
      name: id,
    }
    sheet.usage(labels, container)
    const startMs = Date.parse(container.startTime)
    if (startMs > 0) sheet.add('container_start_time_seconds', labels, startMs / 1000)
    sheet.add('container_fs_usage_bytes', labels, container.rootfs?.usedBytes)
    sheet.add('container_fs_limit_bytes', labels, container.rootfs?.capacityBytes)
    addLimits(sheet, labels, specOf(pod, container.name))
  }
  addNetwork(sheet, whole, stats)
}

function addLimits(sheet: Sheet, labels: Labels, spec: Container | undefined): void {
  const { limits, requests } = spec?.resources ?? {}
  const read = (text: string | undefined) => (text === undefined ? undefined : amountOf(text))
  const cpuLimit = read(limits?.['cpu'])
  const shares = read(requests?.['cpu'] ?? limits?.['cpu'])
  sheet.add('container_spec_memory_limit_bytes', labels, read(limits?.['memory']) ?? 0)
  if (cpuLimit !== undefined) {
    sheet.add('container_spec_cpu_period', labels, cfsPeriodMicros)
    sheet.add('container_spec_cpu_quota', labels, Math.round(cpuLimit * cfsPeriodMicros))
  }
  if (shares !== undefined) {
    sheet.add('container_spec_cpu_shares', labels, Math.max(2, Math.floor(shares * sharesPerCore)))
  }
}

function addNetwork(sheet: Sheet, whole: Labels, { network }: PodStats): void {
  if (!network) return
  const labels = { ...whole, interface: network.name }
  sheet.add('container_network_receive_bytes_total', labels, network.rxBytes)
  sheet.add('container_network_receive_errors_total', labels, network.rxErrors)
  sheet.add('container_network_transmit_bytes_total', labels, network.txBytes)
  sheet.add('container_network_transmit_errors_total', labels, network.txErrors)
}

const helps: Readonly<Record<string, string>> = {
  container_cpu_usage_seconds_total: 'Cumulative CPU time consumed in seconds.',
  container_memory_working_set_bytes: 'Current working set in bytes.',
  container_memory_usage_bytes: 'Current memory usage in bytes, whenever it was accessed.',
  container_memory_rss: 'Size of RSS in bytes.',
  container_start_time_seconds: 'Start time of the container since unix epoch in seconds.',
  container_fs_usage_bytes: 'Number of bytes that the container uses on its file system.',
  container_fs_limit_bytes: 'Number of bytes that the container can use on its file system.',
  container_spec_memory_limit_bytes: 'Memory limit of the container; 0 is none.',
  container_spec_cpu_period: 'CPU period of the container, in microseconds.',
  container_spec_cpu_quota: 'CPU quota of the container, in microseconds.',
  container_spec_cpu_shares: 'CPU share of the container.',
  container_network_receive_bytes_total: 'Cumulative count of bytes received.',
  container_network_receive_errors_total: 'Cumulative count of errors while receiving.',
  container_network_transmit_bytes_total: 'Cumulative count of bytes transmitted.',
  container_network_transmit_errors_total: 'Cumulative count of errors while transmitting.',
  machine_cpu_cores: 'Number of logical CPU cores.',
  machine_memory_bytes: 'Amount of memory installed on the machine.',
}

/** Samples by family, in the order of `helps`. */
class Sheet {
  readonly #samples = new Map<string, MetricSample[]>()

  add(name: string, labels: Labels, value: number | undefined, time?: string): void {
    if (value === undefined || !Number.isFinite(value)) return
    const samples = this.#samples.get(name) ?? []
    const atMs = time === undefined ? Number.NaN : Date.parse(time)
    samples.push({ labels, value, ...(Number.isFinite(atMs) && { atMs }) })
    this.#samples.set(name, samples)
  }

  usage(labels: Labels, { cpu, memory }: Usage): void {
    const used = cpu?.usageCoreNanoSeconds
    const seconds = used === undefined ? undefined : used / 1e9
    this.add('container_cpu_usage_seconds_total', { ...labels, cpu: 'total' }, seconds, cpu?.time)
    const { time } = memory ?? {}
    this.add('container_memory_working_set_bytes', labels, memory?.workingSetBytes, time)
    this.add('container_memory_usage_bytes', labels, memory?.usageBytes, time)
    this.add('container_memory_rss', labels, memory?.rssBytes, time)
  }

  families(): readonly MetricFamily[] {
    return Object.entries(helps).map(([name, help]) => ({
      name,
      type: name.endsWith('_total') ? 'counter' : 'gauge',
      help,
      samples: this.#samples.get(name) ?? [],
    }))
  }
}

function statusOf({ status }: Partial<Pod> = {}, name: string): ContainerStatus | undefined {
  const { containerStatuses = [], initContainerStatuses = [] } = status ?? {}
  const ephemeral = status?.ephemeralContainerStatuses ?? []
  return [...containerStatuses, ...initContainerStatuses, ...ephemeral].find(
    (each) => each.name === name,
  )
}

function specOf({ spec }: Partial<Pod> = {}, name: string): Container | undefined {
  const { containers = [], initContainers = [] } = spec ?? {}
  return [...containers, ...initContainers].find((each) => each.name === name)
}
