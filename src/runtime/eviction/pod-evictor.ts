// SPDX-License-Identifier: Apache-2.0
// Looks every ten seconds whether a pod takes more of the node than its own limits allow, and then whether
// the node itself is short of something; a pod that has to go fails for good, with the kubelet's words. What is
// decided is noted by the pod itself before anything is stopped; after a crash in between the next look decides
// the same again.
import type { NodeCondition } from '../../kube/types.gen.ts'
import type { CallContext, ProviderHost } from '../../provider/provider.ts'
import { messageOf } from '../../util/vk-error.ts'
import type { ContainerRuntime } from '../container-runtime.ts'
import { gracePeriodMs } from '../decide/plan-container.ts'
import type { StorageMeter } from '../resources/storage-meter.ts'
import { isCriticalPod } from './critical-pod.ts'
import { bytesByPod, type BytesByPod } from './container-bytes.ts'
import { activePod, type EvictablePod } from './evictable-pod.ts'
import type { Shortage } from './judge-pressure.ts'
import { NodePressure } from './node-pressure.ts'
import { hasStorageLimit, ownBytes, storageExcess } from './storage-limits.ts'
import { softThresholdsOf, thresholdsOf } from './thresholds.ts'

export interface PodEvictorOptions {
  readonly host: ProviderHost
  readonly runtime: Pick<ContainerRuntime, 'containerStats' | 'nodeStats'>
  readonly meter: StorageMeter
  readonly pods: () => Iterable<EvictablePod>
  /** From the end of one look to the next; default 10 s, the kubelet's. */
  readonly intervalMs?: number
}

const reason = 'Evicted'
/** A pod has this long to end when the node cannot wait, and at least. */
const hardGraceMs = 1000
/** So long the end of one pod is awaited before another has to go. */
const reliefMs = 30_000

/** Evicted to relieve the node, and not through yet. */
interface Leaving {
  readonly each: EvictablePod
  readonly untilMs: number
  readonly isSoft: boolean
}

/** Evicts pods from `start` until it is disposed of. */
export class PodEvictor implements AsyncDisposable {
  readonly #options: PodEvictorOptions
  readonly #pressure: NodePressure
  readonly #stop = new AbortController()
  readonly #counts = new Map<string, number>()
  #looking: Promise<void> = Promise.resolve()
  #timer: Disposable | undefined
  #leaving: Leaving | undefined

  constructor(options: PodEvictorOptions) {
    const { host, runtime, meter } = options
    const { hard = {}, soft, pressureTransitionMs: transitionMs = 0 } = host.eviction ?? {}
    this.#options = options
    this.#pressure = new NodePressure({
      clock: host.clock,
      runtime,
      meter,
      // Of one signal, the hard one comes first: nobody waits for it.
      thresholds: [
        ...thresholdsOf(hard),
        ...(soft ? softThresholdsOf(soft.thresholds, soft.periodSeconds) : []),
      ],
      transitionMs,
    })
  }

  /** Conditions of the node that are not as on a healthy one. */
  get nodeConditions(): readonly NodeCondition[] {
    return this.#pressure.conditions
  }

  /** How many pods were evicted, by the kubelet's names for what they were evicted for. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts
  }

  start(): void {
    const { intervalMs = 10_000, host } = this.#options
    if (this.#stop.signal.aborted) return
    this.#timer = host.clock.setTimer(intervalMs, () => {
      this.#looking = this.#look()
        .catch((error: unknown) => {
          if (this.#stop.signal.aborted) return
          host.log.warn({ error: messageOf(error) }, 'Cannot look at what pods use of the node')
        })
        .finally(() => this.start())
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    this.#timer?.[Symbol.dispose]()
    await this.#looking
  }

  async #look(): Promise<void> {
    const shortage = await this.#pressure.look(this.#context)
    const active = [...this.#options.pods()].filter((each) => activePod(each) !== undefined)
    const limited = active.filter(({ record: { pod } }) => pod && hasStorageLimit(pod))
    const layers = await this.#layersOf(limited)
    const isOverLimit = await Promise.all(limited.map((each) => this.#lookAt(each, layers)))
    if (!shortage || isOverLimit.includes(true) || this.#awaitsRelief(shortage)) return
    const { host } = this.#options
    const message = `Attempting to reclaim ${shortage.resource}`
    host.recordNodeEvent?.({ type: 'Warning', reason: 'EvictionThresholdMet', message })
    const candidates = this.#hurried(shortage, active)
    const victim = await this.#pressure.victim(candidates, shortage, this.#context)
    if (!victim) {
      host.log.warn({ signal: shortage.signal }, 'The node is short, and there is no pod to evict')
      return
    }
    const { each } = victim
    const graceMs = shortage.isSoft ? this.#softGraceMs(each) : hardGraceMs
    const { signal, isSoft } = shortage
    const isLeaving = each === this.#leaving?.each
    this.#leaving = { each, untilMs: host.clock.nowMs() + reliefMs + graceMs, isSoft }
    if (isLeaving) each.evict({ reason, message: victim.message }, graceMs)
    else this.#evict(each, { signal, message: victim.message, isOwnFault: false, graceMs })
  }

  /** As long as the pod asks for, and not longer than the node allows. */
  #softGraceMs({ record: { pod } }: EvictablePod): number {
    const own = gracePeriodMs(pod)
    const { maxGraceSeconds = 0 } = this.#options.host.eviction?.soft ?? {}
    if (maxGraceSeconds < 0) return own
    return Math.max(Math.min(own, maxGraceSeconds * 1000), hardGraceMs)
  }

  /**
   * One pod at a time: what its end gives back is seen only then. But a node that cannot wait does not wait
   * for a pod that may take its time.
   */
  #awaitsRelief({ isSoft }: Shortage): boolean {
    if (!this.#leaving) return false
    const { each, untilMs, isSoft: isLeavingSoftly } = this.#leaving
    if (isLeavingSoftly && !isSoft) return false
    return !each.hasEnded && this.#options.host.clock.nowMs() < untilMs
  }

  /** Who may have to go: for a node that cannot wait also the one that takes its time, and then faster. */
  #hurried({ isSoft }: Shortage, active: readonly EvictablePod[]): readonly EvictablePod[] {
    if (isSoft || !this.#leaving?.isSoft || this.#leaving.each.hasEnded) return active
    return [this.#leaving.each, ...active]
  }

  /** True when the pod was found to break its limits. */
  async #lookAt(each: EvictablePod, layersByPod: BytesByPod): Promise<boolean> {
    const { meter, host, intervalMs = 10_000 } = this.#options
    const pod = activePod(each)
    if (!pod) return false
    const freshness = { maxAgeMs: intervalMs / 2, signal: this.#stop.signal }
    const storage = await meter.storageOf(pod, freshness)
    const layers = layersByPod.get(pod.metadata.uid) ?? new Map<string, number>()
    const excess = storageExcess(pod, { ...storage, layers })
    if (!excess || !activePod(each)) return false
    if (isCriticalPod(pod)) {
      const { message } = excess
      host.log.warn({ pod: each.ref.name, message }, 'A critical pod is not evicted')
      return false
    }
    this.#evict(each, { ...excess, isOwnFault: true, graceMs: hardGraceMs })
    return true
  }

  /** Bytes that the runtime itself keeps. Asked for at once: some runtimes tell of all or nothing. One that cannot tell now counts for nothing. */
  async #layersOf(pods: readonly EvictablePod[]): Promise<BytesByPod> {
    const keys = pods.flatMap((each) => each.runningKeys())
    if (keys.length === 0) return new Map()
    const found = await this.#options.runtime.containerStats(keys, this.#context).catch(() => [])
    return bytesByPod(found, ownBytes)
  }

  #evict(
    each: EvictablePod,
    why: {
      readonly signal: string
      readonly message: string
      readonly isOwnFault: boolean
      readonly graceMs: number
    },
  ): void {
    const { signal, message, isOwnFault, graceMs } = why
    this.#counts.set(signal, (this.#counts.get(signal) ?? 0) + 1)
    this.#options.host.recordEvent(each.ref, { type: 'Warning', reason, message })
    each.evict({ reason, message, ...(isOwnFault && { isOwnFault }) }, graceMs)
  }

  get #context(): CallContext {
    return { signal: this.#stop.signal, log: this.#options.host.log }
  }
}
