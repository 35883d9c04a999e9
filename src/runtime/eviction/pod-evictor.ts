// SPDX-License-Identifier: Apache-2.0
// Looks every ten seconds whether a pod takes more of the node than it may, and evicts it: the pod fails for
// good, with the kubelet's words. What is decided is noted by the pod itself before anything is stopped;
// after a crash in between the next look decides the same again.
import type { Pod } from '../../kube/types.gen.ts'
import type { PodRef, ProviderHost } from '../../provider/provider.ts'
import { messageOf } from '../../util/vk-error.ts'
import type { ContainerKey, ContainerRuntime } from '../container-runtime.ts'
import type { Failure } from '../decide/pod-state.ts'
import type { StorageMeter } from '../resources/storage-meter.ts'
import { isCriticalPod } from './critical-pod.ts'
import { hasStorageLimit, storageExcess } from './storage-limits.ts'

/** A pod as the evictor meets it. */
export interface EvictablePod {
  readonly ref: PodRef
  /** As last handed over; undefined while nobody has named it. */
  readonly pod: Pod | undefined
  /** It is being ended, or has ended. */
  readonly isEnding: boolean
  runningKeys(): readonly ContainerKey[]
  evict(failure: Failure, graceMs: number): void
}

export interface PodEvictorOptions {
  readonly host: Pick<ProviderHost, 'clock' | 'log' | 'recordEvent'>
  readonly runtime: Pick<ContainerRuntime, 'containerStats'>
  readonly meter: StorageMeter
  readonly pods: () => Iterable<EvictablePod>
  /** From the end of one look to the next; default 10 s, the kubelet's. */
  readonly intervalMs?: number
}

/** A pod that is evicted for its own excess has this long to end. */
const graceMs = 1000

/** Evicts pods from `start` until it is disposed of. */
export class PodEvictor implements AsyncDisposable {
  readonly #options: PodEvictorOptions
  readonly #stop = new AbortController()
  #looking: Promise<void> = Promise.resolve()
  #timer: Disposable | undefined

  constructor(options: PodEvictorOptions) {
    this.#options = options
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
    const limited = [...this.#options.pods()].filter(
      (each) => !each.isEnding && each.pod !== undefined && hasStorageLimit(each.pod),
    )
    await Promise.all(limited.map((each) => this.#lookAt(each)))
  }

  async #lookAt(each: EvictablePod): Promise<void> {
    const { meter, intervalMs = 10_000 } = this.#options
    const { signal } = this.#stop
    const { pod } = each
    if (!pod) return
    const storage = await meter.storageOf(pod, { maxAgeMs: intervalMs / 2, signal })
    const message = storageExcess(pod, { ...storage, layers: await this.#layersOf(each) })
    if (message !== undefined) this.#evict(each, pod, message)
  }

  /** A runtime that cannot tell, or not now, counts for nothing. */
  async #layersOf(each: EvictablePod): Promise<ReadonlyMap<string, number>> {
    const { runtime, host } = this.#options
    const keys = each.runningKeys()
    if (keys.length === 0) return new Map()
    const context = { signal: this.#stop.signal, log: host.log }
    const stats = await runtime.containerStats(keys, context).catch(() => [])
    return new Map(
      stats.flatMap(({ key, stats: { rootfs } }) =>
        rootfs?.usedBytes === undefined ? [] : [[key.name, rootfs.usedBytes] as const],
      ),
    )
  }

  #evict(each: EvictablePod, pod: Pod, message: string): void {
    const { host } = this.#options
    if (each.isEnding) return
    if (isCriticalPod(pod)) {
      host.log.warn({ pod: each.ref.name, message }, 'A critical pod is not evicted')
      return
    }
    host.recordEvent(each.ref, { type: 'Warning', reason: 'Evicted', message })
    each.evict({ reason: 'Evicted', message, isOwnFault: true }, graceMs)
  }
}
