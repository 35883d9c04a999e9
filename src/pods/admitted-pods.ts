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
  /** Called when pods use less than before. */
  onRelease: (() => void) | undefined

  get size(): number {
    return this.#pods.size
  }

  /** Adds a pod, or replaces the one of its uid; one that has ended is only taken out. */
  set(pod: Pod): void {
    const { uid } = pod.metadata
    if (hasEnded(pod)) return this.delete(uid)
    const before = this.#remove(uid)
    const requests = podRequests(pod)
    this.#pods.set(uid, pod)
    for (const [name, amount] of requests) {
      this.#requests.set(name, (this.#requests.get(name) ?? 0n) + amount)
    }
    const isLess = [...before].some(([name, amount]) => (requests.get(name) ?? 0n) < amount)
    if (isLess) this.onRelease?.()
  }

  delete(uid: string): void {
    const isThere = this.#pods.has(uid)
    this.#remove(uid)
    if (isThere) this.onRelease?.()
  }

  [Symbol.iterator](): Iterator<Pod> {
    return this.#pods.values()
  }

  /** What it used until now. */
  #remove(uid: string): Amounts {
    const pod = this.#pods.get(uid)
    if (!pod) return new Map()
    this.#pods.delete(uid)
    const requests = podRequests(pod)
    for (const [name, amount] of requests) {
      this.#requests.set(name, (this.#requests.get(name) ?? 0n) - amount)
    }
    return requests
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
