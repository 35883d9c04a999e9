// SPDX-License-Identifier: Apache-2.0
// Usage figures for containers that do not exist: steady per container, different between them, and
// consistent, so that a rate taken from the cumulative CPU time is the usage that is reported beside it.
import type { ContainerStats, NodeStats, PodStats } from '../../provider/stats.ts'
import type { MockPod } from './mock-pod.ts'
import { wireTime } from '../../util/wire-time.ts'

const mebibyte = 2 ** 20
/** CPU time that a container has used by the time it is first seen. */
const startUpNanos = 20_000_000
const secondsOfSwing = 60

/** Usage of a running pod at `nowMs`; undefined when it does not run. */
export function podStatsOf(pod: MockPod, nowMs: number): PodStats | undefined {
  const { run, ref, spec, createdAtMs } = pod
  if (run.kind !== 'running') return undefined
  const time = new Date(nowMs).toISOString()
  const at = { time, seconds: Math.max(0, nowMs - run.startedAtMs) / 1000 }
  const running = [...spec.containers, ...spec.initContainers.filter((c) => c.isSidecar)]
  const startTime = wireTime(run.startedAtMs)
  const containers = running.map(({ name }) =>
    containerStats(`${ref.uid}/${name}`, { name, startTime, ...at }),
  )
  const sum = (pick: (stats: ContainerStats) => number | undefined): number =>
    containers.reduce((total, stats) => total + (pick(stats) ?? 0), 0)
  const podSeconds = Math.max(0, nowMs - createdAtMs) / 1000
  return {
    podRef: { name: ref.name, namespace: ref.namespace, uid: ref.uid },
    startTime: pod.startTime ?? wireTime(createdAtMs),
    containers,
    cpu: {
      time,
      usageNanoCores: sum((stats) => stats.cpu?.usageNanoCores),
      usageCoreNanoSeconds: sum((stats) => stats.cpu?.usageCoreNanoSeconds),
    },
    memory: {
      time,
      usageBytes: sum((stats) => stats.memory?.usageBytes),
      workingSetBytes: sum((stats) => stats.memory?.workingSetBytes),
      rssBytes: sum((stats) => stats.memory?.rssBytes),
    },
    network: {
      time,
      name: 'eth0',
      rxBytes: 1024 + Math.floor(podSeconds * 2048),
      rxErrors: 0,
      txBytes: 512 + Math.floor(podSeconds * 1024),
      txErrors: 0,
    },
    process_stats: { process_count: containers.length },
  }
}

/** The node's usage as the sum of its pods' and a little of its own. */
export function nodeStatsOf(
  pods: readonly PodStats[],
  at: { readonly nowMs: number; readonly startedAtMs: number; readonly endedCpuNanos: number },
): NodeStats {
  const time = new Date(at.nowMs).toISOString()
  const seconds = Math.max(0, at.nowMs - at.startedAtMs) / 1000
  let usageNanoCores = 10_000_000
  let usageCoreNanoSeconds = startUpNanos + Math.floor(seconds * usageNanoCores) + at.endedCpuNanos
  let memoryBytes = 256 * mebibyte
  for (const { cpu, memory } of pods) {
    usageNanoCores += cpu?.usageNanoCores ?? 0
    usageCoreNanoSeconds += cpu?.usageCoreNanoSeconds ?? 0
    memoryBytes += memory?.workingSetBytes ?? 0
  }
  const memory = {
    time,
    usageBytes: memoryBytes,
    workingSetBytes: memoryBytes,
    rssBytes: memoryBytes,
  }
  return {
    startTime: wireTime(at.startedAtMs),
    cpu: { time, usageNanoCores, usageCoreNanoSeconds },
    memory,
  }
}

function containerStats(
  key: string,
  at: {
    readonly name: string
    readonly startTime: string
    readonly time: string
    readonly seconds: number
  },
): ContainerStats {
  const { name, startTime, time, seconds } = at
  const seed = hash(key)
  const meanNanoCores = (1 + (seed % 50)) * 1_000_000
  // Usage swings by a third around its mean; the cumulative time is the exact integral of that.
  const phase = (2 * Math.PI * seconds) / secondsOfSwing
  const swung = (secondsOfSwing / (2 * Math.PI)) * (1 - Math.cos(phase))
  const usageNanoCores = Math.round(meanNanoCores * (1 + Math.sin(phase) / 3))
  const usedNanos = startUpNanos + Math.round(meanNanoCores * (seconds + swung / 3))
  const baseBytes = (16 + ((seed >>> 8) % 48)) * mebibyte
  const rssBytes = baseBytes + Math.round((baseBytes / 4) * (1 - Math.exp(-seconds / 600)))
  return {
    name,
    startTime,
    cpu: { time, usageNanoCores, usageCoreNanoSeconds: usedNanos },
    memory: {
      time,
      rssBytes,
      workingSetBytes: rssBytes + 2 * mebibyte,
      usageBytes: rssBytes + 4 * mebibyte,
      pageFaults: 1000 + Math.floor(seconds),
      majorPageFaults: 0,
    },
  }
}

/** FNV-1a: any even spread will do. */
function hash(text: string): number {
  let hash = 0x81_1c_9d_c5
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01_00_01_93)
  }
  return hash >>> 0
}
