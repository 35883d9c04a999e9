// SPDX-License-Identifier: Apache-2.0
// The pods that a node has taken on, with the sum of their requests kept up to date, so that admitting
// one more costs the same whether the node has ten pods or ten thousand.
import type { Pod } from '../kube/types.gen.ts'
import { podRequests, type Amounts } from '../runtime/resources/pod-amounts.ts'

/** What a set of pods uses of a node. */
export interface Usage {
  readonly pods: number
  readonly requests: Amounts
}

/** A pod in a final phase, which uses nothing any more. */
export function hasEnded({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed'
}

/** A set of pods by uid. */
export class AdmittedPods implements Iterable<Pod> {
  readonly #pods = new Map<string, Pod>()
  readonly #requests = new Map<string, bigint>()

  get size(): number {
    return this.#pods.size
  }

  /** Adds a pod, or replaces the one of its uid; one that has ended is only taken out. */
  set(pod: Pod): void {
    this.delete(pod.metadata.uid)
    if (hasEnded(pod)) return
    this.#pods.set(pod.metadata.uid, pod)
    for (const [name, amount] of podRequests(pod)) {
      this.#requests.set(name, (this.#requests.get(name) ?? 0n) + amount)
    }
  }

  delete(uid: string): void {
    const pod = this.#pods.get(uid)
    if (!pod) return
    this.#pods.delete(uid)
    for (const [name, amount] of podRequests(pod)) {
      this.#requests.set(name, (this.#requests.get(name) ?? 0n) - amount)
    }
  }

  [Symbol.iterator](): Iterator<Pod> {
    return this.#pods.values()
  }

  /** Usage of all pods but the one of this uid. */
  usageWithout(uid: string): Usage {
    const pod = this.#pods.get(uid)
    if (!pod) return { pods: this.#pods.size, requests: this.#requests }
    const requests = new Map(this.#requests)
    for (const [name, amount] of podRequests(pod)) {
      requests.set(name, (requests.get(name) ?? 0n) - amount)
    }
    return { pods: this.#pods.size - 1, requests }
  }
}
