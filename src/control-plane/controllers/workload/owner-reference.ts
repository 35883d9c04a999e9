// SPDX-License-Identifier: Apache-2.0
// Who manages an object: at most one of its owner references says `controller: true`.
import type { Resource } from '../../../kube/resources.ts'
import type { NamespacedMeta, ObjectMeta, OwnerReference } from '../../../kube/types.gen.ts'

/** A stored object of any namespaced kind. */
export interface Owned {
  readonly metadata: NamespacedMeta
}

/** The reference to the object's controller, if it has one. */
export function controllerOf(metadata: ObjectMeta): OwnerReference | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller === true)
}

export function isControlledBy(object: Owned, owner: Owned): boolean {
  return controllerOf(object.metadata)?.uid === owner.metadata.uid
}

/** The reference that makes `owner`, an object of `resource`, the controller of a new object. */
export function controllerReference(
  { apiVersion, kind }: Resource<unknown>,
  owner: Owned,
): OwnerReference {
  const { name, uid } = owner.metadata
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true }
}

/** `namespace/name`, the key of work queues. */
export function workKey({ namespace, name }: { namespace: string; name: string }): string {
  return `${namespace}/${name}`
}

/** The place that `workKey` made a key of. */
export function placeOfKey(key: string): { readonly namespace: string; readonly name: string } {
  const slash = key.indexOf('/')
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}
