// SPDX-License-Identifier: Apache-2.0
// Gives running containers the CPU and memory that their pod was granted, without a restart. What fails is
// tried again after a pause; until then the pod's status says why.
import type { Container, Pod } from '../../kube/types.gen.ts'
import type { CallContext } from '../../provider/provider.ts'
import { parseQuantity, wholeUnits } from '../../util/quantity.ts'
import { messageOf } from '../../util/vk-error.ts'
import type { Clock } from '../../util/clock.ts'
import type { ContainerKey, ContainerRuntime } from '../container-runtime.ts'

export interface ResizeOrder {
  readonly key: ContainerKey
  readonly pod: Pod
  /** With the resources that it is to have. */
  readonly spec: Container
  /** The memory limit that it has. */
  readonly actualLimit: string | undefined
}

interface FailedResize {
  readonly message: string
  readonly retryAtMs: number
}

const retryMs = 10_000

/** The resizes of one pod's containers. */
export class ContainerResizes {
  readonly #runtime: Pick<ContainerRuntime, 'updateResources' | 'containerStats'>
  readonly #clock: Clock
  readonly #failed = new Map<string, FailedResize>()

  constructor(runtime: Pick<ContainerRuntime, 'updateResources' | 'containerStats'>, clock: Clock) {
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
    const { name } = order.key
    if ((this.#failed.get(name)?.retryAtMs ?? 0) > this.#clock.nowMs()) return false
    try {
      await this.#checkMemory(order, context)
      const { key, pod, spec } = order
      await this.#runtime.updateResources?.(key, { pod, spec }, context)
      this.#failed.delete(name)
      return true
    } catch (error) {
      const retryAtMs = this.#clock.nowMs() + retryMs
      this.#failed.set(name, { message: messageOf(error), retryAtMs })
      return false
    }
  }

  /** A limit below what is in use would have the container killed. */
  async #checkMemory({ key, spec, actualLimit }: ResizeOrder, context: CallContext): Promise<void> {
    const text = spec.resources?.limits?.['memory']
    if (text === undefined) return
    const limit = bytesOf(text)
    if (actualLimit !== undefined && bytesOf(actualLimit) <= limit) return
    const [found] = await this.#runtime.containerStats([key], context)
    const used = found?.stats.memory?.usageBytes
    if (used === undefined || BigInt(used) < limit) return
    throw new Error(
      `cannot decrease memory limits: attempting to set container "${key.name}" memory limit (${limit}) below current usage (${used})`,
    )
  }
}

function bytesOf(text: string): bigint {
  return wholeUnits(parseQuantity(text))
}
