// SPDX-License-Identifier: Apache-2.0
// The text of /metrics/resource, which metrics-server makes `kubectl top` of. It drops a whole pod for
// one container with a zero or with only one of its two figures, so such a container is left out here.
// Labels come as namespace, pod, container: readers exist that go by the position.
import type {
  ContainerStats,
  CpuStats,
  MemoryStats,
  NodeStats,
  PodStats,
} from '../../provider/stats.ts'

export interface ResourceMetricsInput {
  /** Undefined when it could not be read. */
  readonly node: NodeStats | undefined
  /** Undefined when they could not be read. */
  readonly pods: readonly PodStats[] | undefined
}

interface Family {
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly help: string
  readonly lines: string[]
}

interface Usage {
  readonly cpuSeconds: number
  readonly cpuAtMs: number
  readonly memoryBytes: number
  readonly memoryAtMs: number
}

/** All families in the Prometheus text format, version 0.0.4; one without samples is left out. */
export function renderResourceMetrics({ node, pods }: ResourceMetricsInput): string {
  const families = [...nodeFamilies(node), ...podFamilies(pods ?? [])]
  const failed = family('resource_scrape_error', 'gauge', '1 if figures could not be read, else 0')
  failed.lines.push(`resource_scrape_error ${node && pods ? 0 : 1}`)
  return [...families, failed].map(render).join('')
}

function nodeFamilies(node: NodeStats | undefined): readonly Family[] {
  const cpu = family(
    'node_cpu_usage_seconds_total',
    'counter',
    'CPU time used by the node, in core-seconds',
  )
  const memory = family(
    'node_memory_working_set_bytes',
    'gauge',
    'Working set of the node, in bytes',
  )
  const usage = node && usageOf(node)
  if (usage) addUsage({ cpu, memory, labels: '', usage })
  return [cpu, memory]
}

function podFamilies(pods: readonly PodStats[]): readonly Family[] {
  const container = {
    cpu: family(
      'container_cpu_usage_seconds_total',
      'counter',
      'CPU time used by the container, in core-seconds',
    ),
    memory: family(
      'container_memory_working_set_bytes',
      'gauge',
      'Working set of the container, in bytes',
    ),
  }
  const started = family(
    'container_start_time_seconds',
    'gauge',
    'Start of the container, in seconds since the epoch',
  )
  const pod = {
    cpu: family(
      'pod_cpu_usage_seconds_total',
      'counter',
      'CPU time used by the pod, in core-seconds',
    ),
    memory: family('pod_memory_working_set_bytes', 'gauge', 'Working set of the pod, in bytes'),
  }
  for (const stats of pods) {
    const { name, namespace } = stats.podRef
    const podLabels = `namespace="${escapeLabel(namespace)}",pod="${escapeLabel(name)}"`
    for (const each of stats.containers) {
      const usage = usageOf(each)
      if (!usage) continue
      const labels = `{${podLabels},container="${escapeLabel(each.name)}"}`
      addUsage({ ...container, labels, usage })
      addStart(started, { labels, stats: each })
    }
    const usage = usageOf(stats) ?? sumOf(stats.containers)
    if (usage) addUsage({ ...pod, labels: `{${podLabels}}`, usage })
  }
  return [container.cpu, container.memory, started, pod.cpu, pod.memory]
}

function addUsage(entry: { cpu: Family; memory: Family; labels: string; usage: Usage }): void {
  const { cpu, labels, memory, usage } = entry
  cpu.lines.push(`${cpu.name}${labels} ${usage.cpuSeconds} ${usage.cpuAtMs}`)
  memory.lines.push(`${memory.name}${labels} ${usage.memoryBytes} ${usage.memoryAtMs}`)
}

function addStart(started: Family, of: { labels: string; stats: ContainerStats }): void {
  const startMs = Date.parse(of.stats.startTime)
  if (startMs > 0) started.lines.push(`${started.name}${of.labels} ${startMs / 1000}`)
}

/** Both figures with their times, or nothing. */
function usageOf({ cpu, memory }: { cpu?: CpuStats; memory?: MemoryStats }): Usage | undefined {
  if (!cpu || !memory) return undefined
  const usage = {
    cpuSeconds: (cpu.usageCoreNanoSeconds ?? 0) / 1e9,
    cpuAtMs: Date.parse(cpu.time),
    memoryBytes: memory.workingSetBytes ?? 0,
    memoryAtMs: Date.parse(memory.time),
  }
  return Object.values(usage).every((value) => value > 0 && Number.isFinite(value))
    ? usage
    : undefined
}

/** For backends that measure only containers; each of them must then be known. */
function sumOf(containers: readonly ContainerStats[]): Usage | undefined {
  let sum: Usage | undefined
  for (const container of containers) {
    const usage = usageOf(container)
    if (!usage) return undefined
    sum = {
      cpuSeconds: (sum?.cpuSeconds ?? 0) + usage.cpuSeconds,
      cpuAtMs: Math.max(sum?.cpuAtMs ?? 0, usage.cpuAtMs),
      memoryBytes: (sum?.memoryBytes ?? 0) + usage.memoryBytes,
      memoryAtMs: Math.max(sum?.memoryAtMs ?? 0, usage.memoryAtMs),
    }
  }
  return sum
}

function family(name: string, type: Family['type'], help: string): Family {
  return { name, type, help, lines: [] }
}

function render({ help, lines, name, type }: Family): string {
  if (lines.length === 0) return ''
  return `# HELP ${name} [STABLE] ${help}\n# TYPE ${name} ${type}\n${lines.join('\n')}\n`
}

function escapeLabel(value: string): string {
  return value.replaceAll(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`))
}
