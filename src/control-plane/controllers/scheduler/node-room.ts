// SPDX-License-Identifier: Apache-2.0
// One node and what lies on it, with the sums kept as pods come and go: a decision about a pod must not
// add up thousands of others first.
import type { Node } from '../../../kube/types.gen.ts'
import type { HostPort } from './host-ports.ts'
import type { PodFacts } from './pod-facts.ts'
import { addAmounts, amountOf, amountsOf, noAmounts } from './resource-amounts.ts'
import type { ResourceAmounts } from './resource-amounts.ts'

/** A node that pods are placed on. Invariant: the sums are those of `pods`. */
export class NodeRoom {
  readonly name: string
  /** By uid. */
  readonly pods: Map<string, PodFacts> = new Map()
  /** Those of `pods` that have affinity or anti-affinity terms. */
  readonly podsWithAffinity: Set<PodFacts> = new Set()
  readonly requested: ResourceAmounts = noAmounts()
  readonly scoredRequested: ResourceAmounts = noAmounts()
  readonly ports: Set<HostPort> = new Set()
  #node: Node
  #allocatable: ResourceAmounts
  #maxPods: number

  constructor(node: Node) {
    this.name = node.metadata.name
    this.#node = node
    this.#allocatable = amountsOf(node.status?.allocatable)
    this.#maxPods = maxPodsOf(node)
  }

  get node(): Node {
    return this.#node
  }

  get allocatable(): ResourceAmounts {
    return this.#allocatable
  }

  get maxPods(): number {
    return this.#maxPods
  }

  setNode(node: Node): void {
    if (node.status?.allocatable !== this.#node.status?.allocatable) {
      this.#allocatable = amountsOf(node.status?.allocatable)
      this.#maxPods = maxPodsOf(node)
    }
    this.#node = node
  }

  add(pod: PodFacts): void {
    this.remove(pod.uid)
    this.pods.set(pod.uid, pod)
    if (pod.hasAffinity) this.podsWithAffinity.add(pod)
    addAmounts(this.requested, pod.requests)
    addAmounts(this.scoredRequested, pod.scoredRequests)
    for (const port of pod.ports) this.ports.add(port)
  }

  remove(uid: string): PodFacts | undefined {
    const pod = this.pods.get(uid)
    if (!pod) return undefined
    this.pods.delete(uid)
    this.podsWithAffinity.delete(pod)
    addAmounts(this.requested, pod.requests, -1)
    addAmounts(this.scoredRequested, pod.scoredRequests, -1)
    for (const port of pod.ports) this.ports.delete(port)
    return pod
  }
}

function maxPodsOf(node: Node): number {
  const text = node.status?.allocatable?.pods
  return text === undefined ? 0 : amountOf('pods', text)
}
