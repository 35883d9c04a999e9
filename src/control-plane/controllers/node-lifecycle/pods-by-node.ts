// SPDX-License-Identifier: Apache-2.0
// Which pods lie on which node, followed from changes.
import { pods } from '../../../kube/resources.ts'
import type { Pod } from '../../../kube/types.gen.ts'
import type { ClusterApi } from '../cluster-api.ts'
import { workKey } from '../workload/owner-reference.ts'

/** An index of the pods that have a node; follows the API until it is disposed of. */
export class PodsByNode implements Disposable {
  readonly #api: ClusterApi
  readonly #places = new Map<string, Map<string, { namespace: string; name: string }>>()
  readonly #subscription: Disposable

  constructor(api: ClusterApi) {
    this.#api = api
    this.#subscription = api.onChange(pods, ({ current, previous }) => {
      if (previous && nodeOf(previous) !== nodeOf(current)) {
        this.#places.get(nodeOf(previous))?.delete(workKey(previous.metadata))
      }
      this.#add(current)
    })
    for (const pod of api.list(pods)) this.#add(pod)
  }

  /** The pods of the node as they are now. */
  on(nodeName: string): readonly Pod[] {
    const places = this.#places.get(nodeName)?.values() ?? []
    return [...places]
      .map((at) => this.#api.get(pods, at))
      .filter((pod) => pod !== undefined)
      .filter((pod) => nodeOf(pod) === nodeName)
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]()
  }

  #add(pod: Pod | undefined): void {
    const nodeName = nodeOf(pod)
    if (!pod || nodeName === '') return
    let places = this.#places.get(nodeName)
    if (!places) this.#places.set(nodeName, (places = new Map()))
    const { namespace, name } = pod.metadata
    places.set(workKey(pod.metadata), { namespace, name })
  }
}

function nodeOf(pod: Pod | undefined): string {
  return pod?.spec.nodeName ?? ''
}
