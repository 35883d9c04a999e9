// SPDX-License-Identifier: Apache-2.0
// Usage of this node's containers and pods. An answer serves for a moment, because several collectors ask at
// once. Current CPU use is the difference of two readings.
import { stat } from 'node:fs/promises'
import type { PodRef } from '../../../provider/provider.ts'
import type { ContainerStats, CpuStats, FsStats, NetworkStats } from '../../../provider/stats.ts'
import type { ContainerKey, KeyedStats, SandboxStats } from '../../../runtime/container-runtime.ts'
import type { Clock } from '../../../util/clock.ts'
import type { Engine } from '../engine/connect-engine.ts'
import { readEngineDisk } from '../engine/engine-disk.ts'
import type { PodSandboxes } from '../sandbox/pod-sandboxes.ts'
import { idOf } from './container-labels.ts'
import type { KnownContainer } from './container-state.ts'
import type { ContainerTable } from './container-table.ts'
import type { LayerSizes } from './layer-sizes.ts'
import { memoryOf, networkOf, type Reading } from './engine-reading.ts'
import { networkOfProcess } from './process-network.ts'
import { readUsage } from './usage-readings.ts'

interface Sample {
  readonly atMs: number
  readonly nanoseconds: number
  readonly stats: ContainerStats
  readonly processes: number | undefined
  readonly networks: Reading['networks']
}

export interface StatsParts {
  readonly engine: Pick<Engine, 'client' | 'isLocal' | 'kind' | 'info'>
  readonly layers: Pick<LayerSizes, 'latest'>
  readonly clock: Clock
  readonly table: Pick<ContainerTable, 'get' | 'all'>
  readonly sandboxes: Pick<PodSandboxes, 'get'>
}

/** A rate over a shorter time is mostly noise; the last answer is given again. */
const minIntervalMs = 1000

/** Reads usage; remembers the last reading of each container. */
export class EngineStats {
  readonly #parts: StatsParts
  readonly #samples = new Map<string, Sample>()

  constructor(parts: StatsParts) {
    this.#parts = parts
  }

  /** Usage of those that can be read. */
  async read(keys: readonly ContainerKey[], signal: AbortSignal): Promise<readonly KeyedStats[]> {
    const { engine, clock, table } = this.#parts
    const nowMs = clock.monotonicMs()
    const containers = keys.flatMap((key) => table.get(key) ?? [])
    const isFresh = ({ run }: KnownContainer): boolean =>
      nowMs - (this.#samples.get(idOf(run.key))?.atMs ?? -Infinity) < minIntervalMs
    const due = containers.filter((container) => !isFresh(container))
    const ids = due.map(({ engineId }) => engineId)
    const readings = await readUsage(engine, ids, signal)
    await Promise.all(
      due.map(async (container) => {
        const reading = readings.get(container.engineId)
        if (reading) await this.#note(container, reading)
      }),
    )
    const isTold = new Set([
      ...containers.filter(isFresh).map(({ engineId }) => engineId),
      ...readings.keys(),
    ])
    const rootfsOf = await this.#rootfs(signal)
    return containers.flatMap(({ run, engineId }) => {
      const sample = this.#samples.get(idOf(run.key))
      if (!sample || !isTold.has(engineId)) return []
      const rootfs = rootfsOf(engineId)
      return [{ key: run.key, stats: { ...sample.stats, ...(rootfs && { rootfs }) } }]
    })
  }

  /** Network and processes of pods, as their containers were read last. */
  async shared(pods: readonly PodRef[]): Promise<readonly SandboxStats[]> {
    const running = this.#parts.table.all().filter(({ run }) => run.state.kind === 'running')
    return await Promise.all(
      pods.map(async (pod) => {
        const own = running.filter(({ run }) => run.key.pod.uid === pod.uid)
        const samples = own.flatMap(({ run }) => this.#samples.get(idOf(run.key)) ?? [])
        const network = await this.#networkOf(pod, samples)
        const counts = samples.flatMap(({ processes }) => processes ?? [])
        const process_count = counts.reduce((sum, count) => sum + count, 0)
        const isComplete = own.length > 0 && counts.length === own.length
        return {
          pod,
          ...(network && { network }),
          ...(isComplete && { process_stats: { process_count } }),
        }
      }),
    )
  }

  forget(key: ContainerKey): void {
    this.#samples.delete(idOf(key))
  }

  async #note({ run, logPath }: KnownContainer, reading: Reading): Promise<void> {
    const nanoseconds = reading.cpu_stats?.cpu_usage?.total_usage
    if (nanoseconds === undefined || run.state.kind !== 'running') return
    const id = idOf(run.key)
    const last = this.#samples.get(id)
    const atMs = this.#parts.clock.monotonicMs()
    // Somebody who asked at the same time was answered just before.
    if (last && atMs - last.atMs < minIntervalMs) return
    const time = this.#time
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
    this.#samples.set(id, { atMs, nanoseconds, stats, processes, networks: reading.networks })
  }

  /** What containers have written over their images; the room is the engine's disk's. */
  async #rootfs(signal: AbortSignal): Promise<(engineId: string) => FsStats | undefined> {
    const { engine, layers } = this.#parts
    const time = this.#time
    const sizes = layers.latest()
    const disk =
      engine.isLocal && sizes.size > 0 ? await readEngineDisk(engine, { time, signal }) : undefined
    const { usedBytes: _used, inodesUsed: _inodes, ...room } = disk ?? { time }
    return (engineId) => {
      const usedBytes = sizes.get(engineId)
      return usedBytes === undefined ? undefined : { ...room, usedBytes }
    }
  }

  /** Containers that have joined a sandbox's network tell of it, but for those of Podman 4. */
  async #networkOf({ uid }: PodRef, samples: readonly Sample[]): Promise<NetworkStats | undefined> {
    const { engine, sandboxes } = this.#parts
    const sandbox = sandboxes.get(uid)
    if (!sandbox || sandbox.isOnHost) return undefined
    const networks = samples.find((sample) => sample.networks)?.networks
    if (networks) return networkOf(networks, this.#time)
    if (!engine.isLocal || engine.kind !== 'podman') return undefined
    return await networkOfProcess(sandbox.pid, { engineId: sandbox.id, time: this.#time })
  }

  get #time(): string {
    return new Date(this.#parts.clock.nowMs()).toISOString()
  }

  /** The engine keeps output in a file, and before it was begun anew, in others of this name and a number. */
  async #logsOf(path: string | undefined, time: string): Promise<FsStats | undefined> {
    if (path === undefined || !this.#parts.engine.isLocal) return undefined
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
