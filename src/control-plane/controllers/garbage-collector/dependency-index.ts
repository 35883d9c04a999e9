// SPDX-License-Identifier: Apache-2.0
// Who depends on whom, by uid: kept up to date from changes, so that the end of an owner costs as much
// as it has dependents and not as much as the cluster has objects.
import type { Resource } from '../../../kube/resources.ts'
import type { StoredObject } from '../../objects/kube-object.ts'
import type { ObjectChange } from '../cluster-api.ts'

/** One object of any kind, as the collector keeps track of it. */
export interface ObjectId {
  readonly resource: Resource<unknown>
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

/** Key of a work queue; `idOfKey` reads it. */
export function keyOf({ resource, namespace, name, uid }: ObjectId): string {
  return `${resource.apiVersion} ${resource.plural} ${namespace} ${name} ${uid}`
}

/** The identity of a stored object. */
export function idOf(resource: Resource<unknown>, { metadata }: StoredObject): ObjectId {
  const { namespace = '', name, uid } = metadata
  return { resource, namespace, name, uid }
}

/** Owners and dependents of all objects that were told of. */
export class DependencyIndex {
  readonly #idOfUid = new Map<string, ObjectId>()
  readonly #dependentsOf = new Map<string, Map<string, ObjectId>>()
  readonly #ownersOf = new Map<string, readonly string[]>()

  /** Takes in a change, or an object that is there already (with no `previous`). */
  apply(resource: Resource<unknown>, { current, previous }: ObjectChange<StoredObject>): void {
    if (previous && previous.metadata.uid !== current?.metadata.uid) this.#remove(previous)
    if (!current) return
    const id = idOf(resource, current)
    const owners = (current.metadata.ownerReferences ?? []).map(({ uid }) => uid)
    this.#idOfUid.set(id.uid, id)
    const before = this.#ownersOf.get(id.uid) ?? []
    if (before.length === owners.length && before.every((uid, index) => uid === owners[index])) {
      return
    }
    this.#unlink(id.uid)
    if (owners.length > 0) this.#ownersOf.set(id.uid, owners)
    for (const owner of owners) {
      let dependents = this.#dependentsOf.get(owner)
      if (!dependents) this.#dependentsOf.set(owner, (dependents = new Map()))
      dependents.set(id.uid, id)
    }
  }

  /** What names `uid` among its owners. */
  dependentsOf(uid: string): readonly ObjectId[] {
    return [...(this.#dependentsOf.get(uid)?.values() ?? [])]
  }

  find(uid: string): ObjectId | undefined {
    return this.#idOfUid.get(uid)
  }

  #remove({ metadata: { uid } }: StoredObject): void {
    this.#idOfUid.delete(uid)
    this.#unlink(uid)
  }

  #unlink(uid: string): void {
    for (const owner of this.#ownersOf.get(uid) ?? []) {
      const dependents = this.#dependentsOf.get(owner)
      dependents?.delete(uid)
      if (dependents?.size === 0) this.#dependentsOf.delete(owner)
    }
    this.#ownersOf.delete(uid)
  }
}
