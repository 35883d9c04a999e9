// SPDX-License-Identifier: Apache-2.0
// The figures of a runtime's pods: CPU and memory as the runtime has them, the disk as it is measured here.
// What cannot be read of one pod or container is left out there, and hides nothing else.
import { readFsStats } from '../../provider/fs-stats.ts'
import type { CallContext, PodRef, ProviderHost } from '../../provider/provider.ts'
import type { FsStats, PodStats, StatsWish } from '../../provider/stats.ts'
import type {
  ContainerKey,
  ContainerRuntime,
  KeyedStats,
  SandboxStats,
} from '../container-runtime.ts'
import { wireTime } from '../../util/wire-time.ts'
import type { PodRecord } from '../pod-record.ts'
import { podStatsOf } from '../pod-stats.ts'
import type { StorageMeter } from './storage-meter.ts'
import { claimStats, withStorage } from './storage-stats.ts'

/** A pod as it is measured; pod-machine.ts is one. */
export interface MeasuredMachine {
  readonly ref: PodRef
  readonly record: Pick<PodRecord, 'pod' | 'startTimeMs'>
  readonly volumeDirs: ReadonlyMap<string, string>
  runningKeys(): readonly ContainerKey[]
}

export interface RuntimeStatsOptions {
  readonly host: Pick<ProviderHost, 'clock' | 'rootDir'>
  readonly runtime: Pick<ContainerRuntime, 'containerStats' | 'sandboxStats'>
  readonly meter: StorageMeter
}

type Shared = Omit<SandboxStats, 'pod'>

const noUsage: ReadonlyMap<string, readonly KeyedStats[]> = new Map()
const nothingShared: ReadonlyMap<string, Shared> = new Map()

/** The disk is not measured anew for whoever asks within so long. */
const storageAgeMs = 30_000

/** Reads the figures of pods. */
export class RuntimeStats {
  readonly #options: RuntimeStatsOptions

  constructor(options: RuntimeStatsOptions) {
    this.#options = options
  }

  /** Of the pods with running containers; rejects when the runtime tells of none. */
  async read(
    machines: readonly MeasuredMachine[],
    { wish, context }: { readonly wish: StatsWish; readonly context: CallContext },
  ): Promise<readonly PodStats[]> {
    const running = machines.filter((machine) => machine.runningKeys().length > 0)
    if (running.length === 0) return []
    const byUid = wish === 'claims' ? noUsage : await this.#usageOf(running, context)
    const isFull = wish === 'all' || wish === 'withoutDisk'
    const shared = isFull ? await this.#sharedOf(running, context) : nothingShared
    const fs = wish === 'all' ? await this.#nodeFs() : undefined
    return await Promise.all(
      running.map(async (machine) => {
        const containers = (byUid.get(machine.ref.uid) ?? []).map(({ stats }) => stats)
        const startTime = wireTime(machine.record.startTimeMs)
        // The sum of some containers is not the pod's.
        const isComplete = containers.length === machine.runningKeys().length
        const own = podStatsOf(machine.ref, { startTime, containers, isComplete })
        const stats = { ...own, ...shared.get(machine.ref.uid) }
        const wantsDisk = wish === 'all' || wish === 'claims'
        return wantsDisk ? await this.#withVolumes(stats, machine, { fs, context }) : stats
      }),
    )
  }

  async #usageOf(
    machines: readonly MeasuredMachine[],
    context: CallContext,
  ): Promise<ReadonlyMap<string, readonly KeyedStats[]>> {
    const keys = machines.flatMap((machine) => machine.runningKeys())
    const found = await this.#options.runtime.containerStats(keys, context)
    return Map.groupBy(found, ({ key }) => key.pod.uid)
  }

  /** One that the runtime cannot tell of, or not now, takes nothing from the other figures. */
  async #sharedOf(
    machines: readonly MeasuredMachine[],
    context: CallContext,
  ): Promise<ReadonlyMap<string, Shared>> {
    const pods = machines.map(({ ref }) => ref)
    const found = await this.#options.runtime.sandboxStats?.(pods, context).catch(() => [])
    return new Map((found ?? []).map(({ pod, ...stats }) => [pod.uid, stats]))
  }

  /** A disk that cannot be measured takes nothing from the other figures. */
  async #withVolumes(
    stats: PodStats,
    machine: MeasuredMachine,
    { fs, context }: { readonly fs: FsStats | undefined; readonly context: CallContext },
  ): Promise<PodStats> {
    const { pod } = machine.record
    if (!pod) return stats
    const claims = await claimStats(pod, { dirs: machine.volumeDirs, time: this.#time })
    if (!fs) return { ...stats, ...(claims.length > 0 && { volume: claims }) }
    const { signal } = context
    const storage = await this.#options.meter.storageOf(pod, { maxAgeMs: storageAgeMs, signal })
    return withStorage(stats, { pod, storage, fs, claims })
  }

  async #nodeFs(): Promise<FsStats | undefined> {
    return await readFsStats(this.#options.host.rootDir, this.#time).catch(() => undefined)
  }

  get #time(): string {
    return new Date(this.#options.host.clock.nowMs()).toISOString()
  }
}
