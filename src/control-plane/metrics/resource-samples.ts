// SPDX-License-Identifier: Apache-2.0
// Reads a kubelet's /metrics/resource: how much CPU time and memory the node and each container had at
// one moment. Only what `kubectl top` shows; other series are passed over.

/** Cumulative CPU seconds and current memory at one time. */
export interface ResourceSample {
  readonly timeMs: number
  readonly cpuSeconds: number
  readonly memoryBytes: number
}

/** One scrape. Containers by `namespace/pod/container`. */
export interface NodeSamples {
  readonly node: ResourceSample | undefined
  readonly containers: ReadonlyMap<string, ResourceSample>
}

interface Draft {
  timeMs?: number
  cpuSeconds?: number
  memoryBytes?: number
}

const line = /^(\w+)(?:\{(.*)\})? (\S+)(?: (\d+))?$/
/** Longer ones are of no kubelet, and take long to match. */
const maxLineLength = 4096
const label = /(\w+)="((?:[^"\\]|\\.)*)"/g

/** `nowMs` stands in for series without a timestamp of their own. */
export function parseResourceMetrics(text: string, nowMs: number): NodeSamples {
  const node: Draft = {}
  const containers = new Map<string, Draft>()
  for (const row of text.split('\n')) {
    if (row.length > maxLineLength) continue
    const match = line.exec(row)
    if (!match) continue
    const [, name = '', labels = '', value = '', time] = match
    const draft = name.startsWith('node_') ? node : draftOf(containers, name, labels)
    if (draft) take(draft, { name, value: Number(value), timeMs: time ? Number(time) : nowMs })
  }
  return {
    node: finished(node),
    containers: new Map(
      [...containers].flatMap(([key, draft]) => {
        const sample = finished(draft)
        return sample ? [[key, sample] as const] : []
      }),
    ),
  }
}

function draftOf(containers: Map<string, Draft>, name: string, labels: string): Draft | undefined {
  if (!name.startsWith('container_')) return undefined
  const { namespace, pod, container } = Object.fromEntries(
    [...labels.matchAll(label)].map(([, key, value]) => [key ?? '', value ?? '']),
  )
  const key = `${namespace}/${pod}/${container}`
  let draft = containers.get(key)
  if (!draft) containers.set(key, (draft = {}))
  return draft
}

function take(
  draft: Draft,
  {
    name,
    value,
    timeMs,
  }: { readonly name: string; readonly value: number; readonly timeMs: number },
): void {
  if (!Number.isFinite(value)) return
  if (name.endsWith('_cpu_usage_seconds_total')) Object.assign(draft, { cpuSeconds: value, timeMs })
  if (name.endsWith('_memory_working_set_bytes')) draft.memoryBytes = value
}

function finished({ timeMs, cpuSeconds, memoryBytes }: Draft): ResourceSample | undefined {
  if (timeMs === undefined || cpuSeconds === undefined || memoryBytes === undefined)
    return undefined
  return { timeMs, cpuSeconds, memoryBytes }
}
