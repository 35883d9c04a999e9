// SPDX-License-Identifier: Apache-2.0
// All nodes with what lies on them, as the scheduler believes it to be: what the API says, and pods
// that are on their way to a node ("assumed"), which count from the moment they were decided.
import type { Node } from '../../../kube/types.gen.ts'
import type { NamespaceLabels } from './affinity-terms.ts'
import type { LabelMatcher } from '../../../kube/label-matcher.ts'
import { NodeRoom } from './node-room.ts'
import type { PodFacts } from './pod-facts.ts'

/** What decisions ask of the rest of the cluster. */
export interface ClusterFacts {
  readonly namespaceLabels: NamespaceLabels
  /** Selects the pods that belong with this one (same Service, same ReplicaSet), to spread them. */
  readonly companionsOf: (pod: PodFacts) => LabelMatcher | undefined
  /** Why the pod's volumes keep it off every node; undefined when they do not. */
  readonly volumeFault: (pod: PodFacts) => string | undefined
}

const knowsNothing: ClusterFacts = {
  namespaceLabels: () => undefined,
  companionsOf: () => undefined,
  volumeFault: () => undefined,
}

/** The state that decisions read. Invariant: a pod lies on one node at most. */
export class ClusterRooms {
  readonly facts: ClusterFacts
  #rooms: NodeRoom[] = []
  readonly #byName = new Map<string, NodeRoom>()
  /** Where pods lie, by uid; also for nodes that are not known (yet). */
  readonly #placeOf = new Map<string, { readonly nodeName: string; readonly pod: PodFacts }>()
  readonly #nominated = new Map<string, { readonly nodeName: string; readonly pod: PodFacts }>()
  #podsWithAffinity = 0

  constructor(facts: ClusterFacts = knowsNothing) {
    this.facts = facts
  }

  /** In the order in which the nodes appeared. */
  get rooms(): readonly NodeRoom[] {
    return this.#rooms
  }

  /** Whether any pod on a node has affinity terms; without one, most of the work falls away. */
  get hasAffinity(): boolean {
    return this.#podsWithAffinity > 0
  }

  room(nodeName: string): NodeRoom | undefined {
    return this.#byName.get(nodeName)
  }

  setNode(node: Node): void {
    const known = this.#byName.get(node.metadata.name)
    if (known) {
      known.setNode(node)
      return
    }
    const room = new NodeRoom(node)
    this.#byName.set(room.name, room)
    this.#rooms.push(room)
    for (const { nodeName, pod } of this.#placeOf.values()) {
      if (nodeName === room.name) room.add(pod)
    }
  }

  removeNode(nodeName: string): void {
    if (!this.#byName.delete(nodeName)) return
    this.#rooms = this.#rooms.filter(({ name }) => name !== nodeName)
  }

  /** Puts the pod on a node, and off the one where it lay. */
  place(pod: PodFacts, nodeName: string): void {
    this.take(pod.uid)
    this.#nominated.delete(pod.uid)
    this.#placeOf.set(pod.uid, { nodeName, pod })
    if (pod.hasAffinity) this.#podsWithAffinity += 1
    this.#byName.get(nodeName)?.add(pod)
  }

  /** Takes the pod off its node. */
  take(uid: string): void {
    const place = this.#placeOf.get(uid)
    if (!place) return
    this.#placeOf.delete(uid)
    if (place.pod.hasAffinity) this.#podsWithAffinity -= 1
    this.#byName.get(place.nodeName)?.remove(uid)
  }

  /** The node on which the pod lies. */
  placeOf(uid: string): string | undefined {
    return this.#placeOf.get(uid)?.nodeName
  }

  /** Keeps room on a node for a pod that waits for its victims to end; '' gives it up. */
  nominate(pod: PodFacts, nodeName: string): void {
    if (nodeName === '') this.#nominated.delete(pod.uid)
    else this.#nominated.set(pod.uid, { nodeName, pod })
  }

  /** Pods of at least that priority, other than `pod`, for which room is kept on the node. */
  nominatedOn(nodeName: string, pod: PodFacts): readonly PodFacts[] {
    if (this.#nominated.size === 0) return []
    return [...this.#nominated.values()]
      .filter((one) => one.nodeName === nodeName && one.pod.uid !== pod.uid)
      .map((one) => one.pod)
      .filter(({ priority }) => priority >= pod.priority)
  }
}
