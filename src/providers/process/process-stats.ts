// SPDX-License-Identifier: Apache-2.0
// Usage of containers: from their control groups where there are some, else summed over the processes
// of their session and group.
import type { CpuStats, ContainerStats, MemoryStats } from '../../provider/stats.ts'
import type { KeyedStats } from '../../runtime/container-runtime.ts'
import type { Clock } from '../../util/clock.ts'
import type { CgroupUsage, Cgroups } from './cgroup.ts'
import type { ContainerProcess } from './container-process.ts'
import { readProc } from './process-identity.ts'
import { families, readProcessTable } from './process-table.ts'
import type { TableEntry } from './process-table.ts'

interface CpuSample {
  readonly atMs: number
  readonly nanoseconds: number
  /** The highest reading given out, of this interval too. */
  readonly latest: number
  readonly rate?: number | undefined
}

// A rate over a shorter time is mostly noise; the last one is given again.
const minIntervalMs = 1000

/** Reads usage; remembers the last CPU reading of each container, for the current rate. */
export class StatsReader {
  readonly #clock: Clock
  readonly #cgroups: Cgroups | undefined
  readonly #samples = new Map<string, CpuSample>()

  constructor(clock: Clock, cgroups: Cgroups | undefined) {
    this.#clock = clock
    this.#cgroups = cgroups
  }

  async read(containers: readonly ContainerProcess[]): Promise<readonly KeyedStats[]> {
    const usages = containers.map((container) => this.#cgroups?.usage(container.group))
    const isComplete = usages.every(
      (usage) => usage?.cpuNanoseconds !== undefined && usage.memoryBytes !== undefined,
    )
    const table = isComplete ? [] : await readProcessTable()
    const familyOf = families(table)
    return containers.flatMap((container, index) => {
      const usage = { ...sumOf(familyOf(container.pid)), ...usages[index] }
      if (usage.cpuNanoseconds === undefined) return []
      const { key } = container.launch.record
      return [{ key, stats: this.#statsOf(container, usage) }]
    })
  }

  /** Forgets a container. */
  forget(id: string): void {
    this.#samples.delete(id)
  }

  #statsOf(container: ContainerProcess, usage: CgroupUsage): ContainerStats {
    const time = new Date(this.#clock.nowMs()).toISOString()
    const { record } = container.launch
    const memory: MemoryStats = {
      time,
      ...pick('usageBytes', usage.memoryBytes),
      ...pick('workingSetBytes', usage.workingSetBytes),
      ...pick('rssBytes', usage.rssBytes),
      ...pick('pageFaults', usage.pageFaults),
      ...pick('majorPageFaults', usage.majorPageFaults),
    }
    return {
      name: record.key.name,
      startTime: new Date(container.startedAtMs).toISOString(),
      cpu: this.#cpuOf(record.id, { time, nanoseconds: usage.cpuNanoseconds ?? 0 }),
      memory,
    }
  }

  #cpuOf(id: string, now: { readonly time: string; readonly nanoseconds: number }): CpuStats {
    const atMs = this.#clock.monotonicMs()
    const { time } = now
    const last = this.#samples.get(id)
    // Summed over processes, the time of one that init has buried is missing; a counter never falls.
    const nanoseconds = Math.max(now.nanoseconds, last?.latest ?? 0)
    const elapsedMs = last ? atMs - last.atMs : 0
    const isFresh = last === undefined || elapsedMs >= minIntervalMs
    const rate =
      last && isFresh
        ? Math.round(((nanoseconds - last.nanoseconds) * 1000) / elapsedMs)
        : last?.rate
    this.#samples.set(
      id,
      isFresh ? { atMs, nanoseconds, latest: nanoseconds, rate } : { ...last, latest: nanoseconds },
    )
    return { time, usageCoreNanoSeconds: nanoseconds, ...pick('usageNanoCores', rate) }
  }
}

function sumOf(own: readonly TableEntry[]): CgroupUsage {
  if (own.length === 0) return {}
  const rssBytes = own.reduce((sum, entry) => sum + entry.residentBytes, 0)
  return {
    cpuNanoseconds:
      own.reduce((sum, entry) => sum + entry.cpuNanoseconds, 0) ||
      own.reduce((sum, { pid }) => sum + firstNanoseconds(pid), 0),
    memoryBytes: rssBytes,
    workingSetBytes: rssBytes,
    rssBytes,
  }
}

/**
 * Of a program that idles: less than the hundredth of a second in which times are told, and yet not nothing, which
 * readers of figures take for no figure. What its main thread has run; 0 where the kernel does not count that.
 */
function firstNanoseconds(pid: number): number {
  return Number(readProc(`${pid}/schedstat`).split(' ', 1)[0])
}

function pick<K extends string>(name: K, value: number | undefined): Partial<Record<K, number>> {
  return value === undefined ? {} : ({ [name]: value } as Record<K, number>)
}
