// SPDX-License-Identifier: Apache-2.0
// Gives running containers the CPU and memory that their pod was granted, without a restart. What fails is
// tried again after a pause; until then the pod's status says why.
import type { Container, Pod } from '../../kube/types.gen.ts'
import type { CallContext } from '../../provider/provider.ts'
import { parseQuantity, wholeUnits } from '../../util/quantity.ts'
import { messageOf } from '../../util/vk-error.ts'
import type { Clock } from '../../util/clock.ts'
import type { ContainerKey, ContainerRuntime } from '../container-runtime.ts'
import { podEntry } from './allocation.ts'

export interface ResizeOrder {
  readonly key: ContainerKey
  readonly pod: Pod
  /** With the resources that it is to have. */
  readonly spec: Container
  /** The memory limit that it has. */
  readonly actualLimit: string | undefined
}

/** What a pod as a whole is to have. */
export interface PodResizeOrder {
  readonly pod: Pod
  readonly running: readonly ContainerKey[]
  readonly actualLimit: string | undefined
}

interface FailedResize {
  readonly message: string
  readonly retryAtMs: number
}

const retryMs = 10_000

type ResizingRuntime = Pick<
  ContainerRuntime,
  'updateResources' | 'updatePodResources' | 'containerStats'
>

/** The resizes of one pod's containers. */
export class ContainerResizes {
  readonly #runtime: ResizingRuntime
  readonly #clock: Clock
  readonly #failed = new Map<string, FailedResize>()

  constructor(runtime: ResizingRuntime, clock: Clock) {
    this.#runtime = runtime
    this.#clock = clock
  }

  /** Why a resize could not be carried out yet. */
  get error(): string | undefined {
    return [...this.#failed.values()][0]?.message
  }

  /** When a failed resize is due again. */
  get retryAtMs(): number | undefined {
    if (this.#failed.size === 0) return undefined
    return Math.min(...[...this.#failed.values()].map((failed) => failed.retryAtMs))
  }

  /** The pod has changed: what failed is tried at once. */
  retryNow(): void {
    for (const [name, { message }] of this.#failed) {
      this.#failed.set(name, { message, retryAtMs: 0 })
    }
  }

  /** Forgets failures of containers that are not to be resized any more. */
  prune(wanted: ReadonlySet<string>): void {
    for (const name of this.#failed.keys()) if (!wanted.has(name)) this.#failed.delete(name)
  }

  /** True when the container has what it is to have; never rejects. */
  async resize(order: ResizeOrder, context: CallContext): Promise<boolean> {
    return await this.#try(order.key.name, async () => {
      const { key, pod, spec, actualLimit } = order
      const limit = spec.resources?.limits?.['memory']
      const subject = `container "${key.name}"`
      await this.#checkMemory({ keys: [key], limit, actualLimit, subject }, context)
      await this.#runtime.updateResources?.(key, { pod, spec }, context)
    })
  }

  /** The same for the pod as a whole. */
  async resizePod(order: PodResizeOrder, context: CallContext): Promise<boolean> {
    return await this.#try(podEntry, async () => {
      const { pod, running: keys, actualLimit } = order
      const limit = pod.spec.resources?.limits?.['memory']
      await this.#checkMemory({ keys, limit, actualLimit, subject: 'pod' }, context)
      await this.#runtime.updatePodResources?.(pod, context)
    })
  }

  async #try(name: string, resize: () => Promise<void>): Promise<boolean> {
    if ((this.#failed.get(name)?.retryAtMs ?? 0) > this.#clock.nowMs()) return false
    try {
      await resize()
      this.#failed.delete(name)
      return true
    } catch (error) {
      const retryAtMs = this.#clock.nowMs() + retryMs
      this.#failed.set(name, { message: messageOf(error), retryAtMs })
      return false
    }
  }

  /** A limit below what is in use would have somebody killed. */
  async #checkMemory(
    { keys, limit: text, actualLimit, subject }: MemoryCheck,
    context: CallContext,
  ): Promise<void> {
    if (text === undefined) return
    const limit = bytesOf(text)
    if (actualLimit !== undefined && bytesOf(actualLimit) <= limit) return
    const found = await this.#runtime.containerStats(keys, context)
    const usages = found.flatMap(({ stats }) => stats.memory?.usageBytes ?? [])
    // A figure may be late, just after a start say: without all of them nobody knows.
    if (usages.length < keys.length) {
      throw new Error(`cannot decrease memory limits: missing ${subject} memory usage`)
    }
    const used = usages.reduce((sum, usage) => sum + usage, 0)
    if (BigInt(used) < limit) return
    throw new Error(
      `cannot decrease memory limits: attempting to set ${subject} memory limit (${limit}) below current usage (${used})`,
    )
  }
}

interface MemoryCheck {
  readonly keys: readonly ContainerKey[]
  readonly limit: string | undefined
  readonly actualLimit: string | undefined
  /** As the message calls it. */
  readonly subject: string
}

function bytesOf(text: string): bigint {
  return wholeUnits(parseQuantity(text))
}
