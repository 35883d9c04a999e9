// SPDX-License-Identifier: Apache-2.0
// Keeps an eye on what the node has left, for a runtime that can tell: what it reports as conditions, and
// which pod has to go.
import type { NodeCondition } from '../../kube/types.gen.ts'
import type { CallContext } from '../../provider/provider.ts'
import type { NodeStats } from '../../provider/stats.ts'
import type { Clock } from '../../util/clock.ts'
import type { ContainerRuntime } from '../container-runtime.ts'
import type { StorageMeter } from '../resources/storage-meter.ts'
import { bytesByPod } from './container-bytes.ts'
import type { EvictablePod } from './evictable-pod.ts'
import {
  judgePressure,
  type CrossingTimes,
  type PressureTimes,
  type PressureType,
  type Readings,
  type Shortage,
} from './judge-pressure.ts'
import { choosePod, evictionMessage, type MeasuredPod } from './rank-pods.ts'
import { ownBytes, podStorageBytes } from './storage-limits.ts'
import type { Signal, Threshold } from './thresholds.ts'

export interface NodePressureOptions {
  readonly clock: Clock
  readonly runtime: Pick<ContainerRuntime, 'nodeStats' | 'containerStats'>
  readonly meter: StorageMeter
  readonly thresholds: readonly Threshold[]
  /** How long pressure is reported after it was last seen. */
  readonly transitionMs: number
}

/** A pod that has to go, and why. */
export interface Victim {
  readonly each: EvictablePod
  readonly shortage: Shortage
  readonly message: string
}

/** Pods are measured for their rank as of a short while ago. */
const storageAgeMs = 60_000

const words: Readonly<Record<PressureType, { readonly reason: string; readonly message: string }>> =
  {
    MemoryPressure: {
      reason: 'KubeletHasInsufficientMemory',
      message: 'kubelet has insufficient memory available',
    },
    DiskPressure: { reason: 'KubeletHasDiskPressure', message: 'kubelet has disk pressure' },
  }

/** The pressure that one node is under. */
export class NodePressure {
  readonly #options: NodePressureOptions
  #seen: PressureTimes = new Map()
  #crossed: CrossingTimes = new Map()
  #pressures: readonly PressureType[] = []

  constructor(options: NodePressureOptions) {
    this.#options = options
  }

  /** Conditions that are not as on a healthy node. */
  get conditions(): readonly NodeCondition[] {
    return this.#pressures.map((type) => ({ type, status: 'True', ...words[type] }))
  }

  /** Measures the node and says what it is short of. */
  async look(context: CallContext): Promise<Shortage | undefined> {
    const { clock, runtime, thresholds, transitionMs } = this.#options
    if (thresholds.length === 0 || !runtime.nodeStats) return undefined
    const readings = readingsOf(await runtime.nodeStats(context))
    const nowMs = clock.nowMs()
    const known = { seen: this.#seen, crossed: this.#crossed }
    const verdict = judgePressure({ thresholds, readings, ...known, transitionMs, nowMs })
    this.#seen = verdict.seen
    this.#crossed = verdict.crossed
    this.#pressures = verdict.pressures
    return verdict.shortage
  }

  /** The pod that has to go first; undefined when there is none. */
  async victim(
    pods: readonly EvictablePod[],
    shortage: Shortage,
    context: CallContext,
  ): Promise<Victim | undefined> {
    const { resource } = shortage
    const measured =
      resource === 'memory'
        ? await this.#byMemory(pods, context)
        : await this.#byStorage(pods, { resource, context })
    const chosen = choosePod(measured, resource)
    return chosen && { each: chosen.subject, shortage, message: evictionMessage(chosen, shortage) }
  }

  async #byMemory(
    pods: readonly EvictablePod[],
    context: CallContext,
  ): Promise<readonly MeasuredPod<EvictablePod>[]> {
    const keys = pods.flatMap((each) => each.runningKeys())
    const stats = await this.#options.runtime.containerStats(keys, context)
    const used = bytesByPod(stats, ({ memory }) => memory?.workingSetBytes)
    return measure(pods, (uid) => used.get(uid) ?? nothing)
  }

  async #byStorage(
    pods: readonly EvictablePod[],
    of: { readonly resource: 'ephemeral-storage' | 'inodes'; readonly context: CallContext },
  ): Promise<readonly MeasuredPod<EvictablePod>[]> {
    const { meter, runtime } = this.#options
    const { resource, context } = of
    const freshness = { maxAgeMs: storageAgeMs, signal: context.signal }
    const keys = pods.flatMap((each) => each.runningKeys())
    const stats = await runtime.containerStats(keys, context).catch(() => [])
    const layersOf = bytesByPod(stats, ownBytes)
    const measured: MeasuredPod<EvictablePod>[] = []
    for (const subject of pods) {
      const { pod } = subject.record
      if (!pod) continue
      const { logs, volumes } = await meter.storageOf(pod, freshness)
      const layers = layersOf.get(pod.metadata.uid) ?? nothing
      const containers = new Map(
        [...logs].map(([name, { usedBytes }]) => [name, usedBytes + (layers.get(name) ?? 0)]),
      )
      const inodes = [...logs.values(), ...volumes.values()].reduce(
        (sum, one) => sum + one.inodes,
        0,
      )
      const bytes = podStorageBytes(pod, { logs, volumes, layers })
      measured.push({ subject, pod, containers, used: resource === 'inodes' ? inodes : bytes })
    }
    return measured
  }
}

const nothing: ReadonlyMap<string, number> = new Map()

/** A pod none of whose containers could be measured counts as not measured. */
function measure(
  pods: readonly EvictablePod[],
  usageOf: (uid: string) => ReadonlyMap<string, number>,
): readonly MeasuredPod<EvictablePod>[] {
  return pods.flatMap((subject) => {
    const { pod } = subject.record
    if (!pod) return []
    const containers = usageOf(pod.metadata.uid)
    const used = [...containers.values()].reduce((sum, bytes) => sum + bytes, 0)
    return [{ subject, pod, containers, used: containers.size === 0 ? undefined : used }]
  })
}

function readingsOf({ memory, fs }: NodeStats): Readings {
  const readings = new Map<Signal, { readonly available: number; readonly capacity: number }>()
  const { availableBytes, workingSetBytes } = memory ?? {}
  if (availableBytes !== undefined && workingSetBytes !== undefined) {
    const capacity = availableBytes + workingSetBytes
    readings.set('memory.available', { available: availableBytes, capacity })
  }
  if (fs?.availableBytes !== undefined && fs.capacityBytes !== undefined) {
    const { availableBytes: available, capacityBytes: capacity } = fs
    readings.set('nodefs.available', { available, capacity })
  }
  // Some file systems do not count inodes, and say that they have none.
  if (fs?.inodesFree !== undefined && fs.inodes !== undefined && fs.inodes > 0) {
    readings.set('nodefs.inodesFree', { available: fs.inodesFree, capacity: fs.inodes })
  }
  return readings
}
