// SPDX-License-Identifier: Apache-2.0
// Which objects belong to which controller, so that a pass over a ReplicaSet reads its own pods and not
// the namespace's. The index holds names only, and every read goes to the store: what it tells is never
// old. It may lag behind in knowing of an object that another has just written; the news of that object
// is then still to come. What a controller creates itself it notes at once.
import type { Resource } from '../../../kube/resources.ts'
import type { ClusterApi } from '../cluster-api.ts'
import { controllerOf, placeOfKey, workKey } from './owner-reference.ts'
import type { Owned } from './owner-reference.ts'

export interface OwnedIndexOptions<T> {
  readonly resource: Resource<T>
  /** Kind of the owners; objects of other controllers are not indexed. */
  readonly ownerKind: string
}

/** Objects of one kind by the uid of their controller. */
export class OwnedIndex<T extends Owned> implements Disposable {
  readonly #api: ClusterApi
  readonly #resource: Resource<T>
  readonly #ownerKind: string
  readonly #owned = new Map<string, Set<string>>()
  /** Objects without a controller, by namespace. */
  readonly #orphans = new Map<string, Set<string>>()
  readonly #subscription: Disposable

  constructor(api: ClusterApi, { resource, ownerKind }: OwnedIndexOptions<T>) {
    this.#api = api
    this.#resource = resource
    this.#ownerKind = ownerKind
    this.#subscription = api.onChange(resource, ({ current, previous }) => {
      const { metadata } = (current ?? previous) as T
      // Names are used again: what counts is what the name stands for now.
      const live = api.get(resource, metadata)
      for (const version of [previous, current]) if (version) this.#drop(version, live)
      if (live) this.note(live)
    })
    for (const object of api.list(resource)) this.note(object)
  }

  /** The objects that `uid` controls. */
  owned(uid: string): readonly T[] {
    return this.#read(this.#owned.get(uid), (object) => controllerOf(object.metadata)?.uid === uid)
  }

  /** How many objects `uid` controls, or a little more. */
  sizeOf(uid: string): number {
    return this.#owned.get(uid)?.size ?? 0
  }

  /** The objects of a namespace that nobody controls. */
  orphans(namespace: string): readonly T[] {
    const isOrphan = (object: T): boolean => controllerOf(object.metadata) === undefined
    return this.#read(this.#orphans.get(namespace), isOrphan)
  }

  /** Enters an object that was just written. */
  note(object: T): void {
    const bucket = this.#bucketOf(object)
    if (!bucket) return
    const names = bucket.index.get(bucket.id)
    if (names) names.add(workKey(object.metadata))
    else bucket.index.set(bucket.id, new Set([workKey(object.metadata)]))
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]()
  }

  #read(names: ReadonlySet<string> | undefined, isWanted: (object: T) => boolean): readonly T[] {
    const found: T[] = []
    for (const key of names ?? []) {
      const object = this.#api.get(this.#resource, placeOfKey(key))
      if (object && isWanted(object)) found.push(object)
    }
    return found
  }

  #drop(version: T, live: T | undefined): void {
    const bucket = this.#bucketOf(version)
    if (!bucket || (live && this.#bucketOf(live)?.id === bucket.id)) return
    const names = bucket.index.get(bucket.id)
    names?.delete(workKey(version.metadata))
    if (names?.size === 0) bucket.index.delete(bucket.id)
  }

  #bucketOf({ metadata }: T): { index: Map<string, Set<string>>; id: string } | undefined {
    const controller = controllerOf(metadata)
    if (!controller) return { index: this.#orphans, id: metadata.namespace }
    if (controller.kind !== this.#ownerKind) return undefined
    return { index: this.#owned, id: controller.uid }
  }
}
