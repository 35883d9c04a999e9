// SPDX-License-Identifier: Apache-2.0
// Usage of containers, asked of the engine a few at a time over connections that stay; an answer serves for a
// moment, because several collectors ask at once. Current CPU use is the difference of two readings.
import type { ContainerStats, CpuStats, MemoryStats } from '../../../provider/stats.ts'
import type { ContainerKey } from '../../../runtime/container-runtime.ts'
import type { Clock } from '../../../util/clock.ts'
import type { EngineClient } from '../engine/engine-client.ts'
import { inBatches } from '../in-batches.ts'
import { idOf } from './container-labels.ts'
import type { KnownContainer } from './container-state.ts'

/** What of an engine's answer is used. Control groups of both versions are named differently. */
interface Reading {
  readonly read?: string
  readonly cpu_stats?: { readonly cpu_usage?: { readonly total_usage?: number } }
  readonly memory_stats?: {
    readonly usage?: number
    readonly limit?: number
    readonly stats?: Readonly<Record<string, number>> | null
  }
}

interface Sample {
  readonly atMs: number
  readonly nanoseconds: number
  readonly stats: ContainerStats
}

export type KeyedStats = { readonly key: ContainerKey; readonly stats: ContainerStats }

const maxRequests = 8
const timeoutMs = 10_000
/** A rate over a shorter time is mostly noise; the last answer is given again. */
const minIntervalMs = 1000
/** Engines say so of a container without a limit. */
const unlimited = 2 ** 60

/** Reads usage; remembers the last reading of each container. */
export class EngineStats {
  readonly #client: EngineClient
  readonly #clock: Clock
  readonly #samples = new Map<string, Sample>()

  constructor(client: EngineClient, clock: Clock) {
    this.#client = client
    this.#clock = clock
  }

  /** Usage of those that can be read. */
  async read(
    containers: readonly KnownContainer[],
    signal: AbortSignal,
  ): Promise<readonly KeyedStats[]> {
    const all: KeyedStats[] = []
    await inBatches(containers, maxRequests, async (container) => {
      const stats = await this.#statsOf(container, signal).catch(() => {
        // It ends just now, or the engine is away: it is left out.
        signal.throwIfAborted()
        return undefined
      })
      if (stats) all.push({ key: container.run.key, stats })
    })
    return all
  }

  forget(key: ContainerKey): void {
    this.#samples.delete(idOf(key))
  }

  async #statsOf(
    { engineId, run }: KnownContainer,
    signal: AbortSignal,
  ): Promise<ContainerStats | undefined> {
    const id = idOf(run.key)
    const last = this.#samples.get(id)
    if (last && this.#clock.monotonicMs() - last.atMs < minIntervalMs) return last.stats
    const query = { stream: 0, 'one-shot': 1 }
    const request = { path: `/containers/${engineId}/stats`, query }
    const reading = await this.#client.json<Reading>(request, { signal, timeoutMs })
    const nanoseconds = reading.cpu_stats?.cpu_usage?.total_usage
    if (nanoseconds === undefined || run.state.kind !== 'running') return undefined
    const atMs = this.#clock.monotonicMs()
    const time = new Date(this.#clock.nowMs()).toISOString()
    const rate = last && rateOf(last, { atMs, nanoseconds })
    const memory = memoryOf(reading, time)
    const stats: ContainerStats = {
      name: run.key.name,
      startTime: new Date(run.state.startedAtMs).toISOString(),
      cpu: cpuOf({ time, nanoseconds, rate }),
      ...(memory && { memory }),
    }
    this.#samples.set(id, { atMs, nanoseconds, stats })
    return stats
  }
}

function rateOf(
  last: Sample,
  now: { readonly atMs: number; readonly nanoseconds: number },
): number {
  const used = Math.max(0, now.nanoseconds - last.nanoseconds)
  return Math.round((used * 1000) / (now.atMs - last.atMs))
}

function cpuOf({
  time,
  nanoseconds,
  rate,
}: {
  readonly time: string
  readonly nanoseconds: number
  readonly rate: number | undefined
}): CpuStats {
  const total = { time, usageCoreNanoSeconds: nanoseconds }
  return rate === undefined ? total : { ...total, usageNanoCores: rate }
}

function memoryOf({ memory_stats }: Reading, time: string): MemoryStats | undefined {
  const usageBytes = memory_stats?.usage
  if (usageBytes === undefined || usageBytes === 0) return undefined
  const figure = (...names: readonly string[]): number | undefined =>
    names.map((name) => memory_stats?.stats?.[name]).find((value) => value !== undefined)
  const inactive = figure('total_inactive_file', 'inactive_file') ?? 0
  const workingSetBytes = Math.max(0, usageBytes - inactive)
  const rssBytes = figure('total_rss', 'anon')
  const pageFaults = figure('total_pgfault', 'pgfault')
  const majorPageFaults = figure('total_pgmajfault', 'pgmajfault')
  const limit = memory_stats?.limit ?? unlimited
  return {
    time,
    usageBytes,
    workingSetBytes,
    ...(limit < unlimited && { availableBytes: Math.max(0, limit - workingSetBytes) }),
    ...(rssBytes !== undefined && { rssBytes }),
    ...(pageFaults !== undefined && { pageFaults }),
    ...(majorPageFaults !== undefined && { majorPageFaults }),
  }
}
