// SPDX-License-Identifier: Apache-2.0
// Usage of containers, asked of the engine a few at a time over connections that stay; an answer serves for a
// moment, because several collectors ask at once. Current CPU use is the difference of two readings.
import { stat } from 'node:fs/promises'
import type { PodRef } from '../../../provider/provider.ts'
import type {
  ContainerStats,
  CpuStats,
  FsStats,
  NetworkStats,
  PodStats,
} from '../../../provider/stats.ts'
import type { ContainerKey } from '../../../runtime/container-runtime.ts'
import type { Clock } from '../../../util/clock.ts'
import type { Engine } from '../engine/connect-engine.ts'
import { inBatches } from '../in-batches.ts'
import { idOf } from './container-labels.ts'
import type { KnownContainer } from './container-state.ts'
import { memoryOf, networkOf, type Reading } from './engine-reading.ts'

interface Sample {
  readonly atMs: number
  readonly nanoseconds: number
  readonly stats: ContainerStats
  readonly processes: number | undefined
}

export type KeyedStats = { readonly key: ContainerKey; readonly stats: ContainerStats }

/** What the containers of a pod share. */
export type SharedStats = Pick<PodStats, 'network' | 'process_stats'> & { readonly pod: PodRef }

/** A pod whose shared figures are asked for. */
export interface MeasuredSandbox {
  readonly pod: PodRef
  /** The engine's id of its sandbox, which has the network. */
  readonly networkId: string | undefined
  readonly keys: readonly ContainerKey[]
}

const maxRequests = 8
const timeoutMs = 10_000
/** A rate over a shorter time is mostly noise; the last answer is given again. */
const minIntervalMs = 1000

/** Reads usage; remembers the last reading of each container. */
export class EngineStats {
  readonly #engine: Pick<Engine, 'client' | 'isLocal'>
  readonly #clock: Clock
  readonly #samples = new Map<string, Sample>()

  constructor(engine: Pick<Engine, 'client' | 'isLocal'>, clock: Clock) {
    this.#engine = engine
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

  /** Network of the sandboxes, and processes of the containers that were read last. */
  async shared(
    sandboxes: readonly MeasuredSandbox[],
    signal: AbortSignal,
  ): Promise<readonly SharedStats[]> {
    const all: SharedStats[] = []
    await inBatches(sandboxes, maxRequests, async ({ pod, networkId, keys }) => {
      const network = await this.#networkOf(networkId, signal).catch(() => {
        signal.throwIfAborted()
        return undefined
      })
      const counts = keys.flatMap((key) => this.#samples.get(idOf(key))?.processes ?? [])
      const isComplete = counts.length === keys.length
      const process_count = counts.reduce((sum, count) => sum + count, 0)
      all.push({
        pod,
        ...(network && { network }),
        ...(isComplete && { process_stats: { process_count } }),
      })
    })
    return all
  }

  forget(key: ContainerKey): void {
    this.#samples.delete(idOf(key))
  }

  async #statsOf(
    { engineId, run, logPath }: KnownContainer,
    signal: AbortSignal,
  ): Promise<ContainerStats | undefined> {
    const id = idOf(run.key)
    const last = this.#samples.get(id)
    if (last && this.#clock.monotonicMs() - last.atMs < minIntervalMs) return last.stats
    const reading = await this.#reading(engineId, signal)
    const nanoseconds = reading.cpu_stats?.cpu_usage?.total_usage
    if (nanoseconds === undefined || run.state.kind !== 'running') return undefined
    const atMs = this.#clock.monotonicMs()
    const time = new Date(this.#clock.nowMs()).toISOString()
    const rate = last && rateOf(last, { atMs, nanoseconds })
    const memory = memoryOf(reading, time)
    const logs = await this.#logsOf(logPath, time)
    const stats: ContainerStats = {
      name: run.key.name,
      startTime: new Date(run.state.startedAtMs).toISOString(),
      cpu: cpuOf({ time, nanoseconds, rate }),
      ...(memory && { memory }),
      ...(logs && { logs }),
    }
    const processes = reading.pids_stats?.current
    this.#samples.set(id, { atMs, nanoseconds, stats, processes })
    return stats
  }

  async #networkOf(id: string | undefined, signal: AbortSignal): Promise<NetworkStats | undefined> {
    if (id === undefined) return undefined
    const { networks } = await this.#reading(id, signal)
    return networkOf(networks ?? {}, new Date(this.#clock.nowMs()).toISOString())
  }

  async #reading(id: string, signal: AbortSignal): Promise<Reading> {
    const query = { stream: 0, 'one-shot': 1 }
    const request = { path: `/containers/${id}/stats`, query }
    return await this.#engine.client.json<Reading>(request, { signal, timeoutMs })
  }

  /** The engine keeps output in a file, and before it was begun anew, in others of this name and a number. */
  async #logsOf(path: string | undefined, time: string): Promise<FsStats | undefined> {
    if (path === undefined || !this.#engine.isLocal) return undefined
    let usedBytes = 0
    for (let number = 0; ; number += 1) {
      const file = number === 0 ? path : `${path}.${number}`
      // Not there, or not ours to see.
      const size = await stat(file).then(sizeOf, () => undefined)
      if (size === undefined) return number === 0 ? undefined : { time, usedBytes }
      usedBytes += size
    }
  }
}

function sizeOf({ size }: { readonly size: number }): number {
  return size
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
