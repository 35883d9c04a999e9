// SPDX-License-Identifier: Apache-2.0
// What an update may leave out and does not change: who the object is, since when, and that it is
// being deleted.
import type { ObjectMeta } from '../../../kube/types.gen.ts'
import { badRequest } from '../../objects/api-status.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import { withField } from '../share-structure.ts'

/** The next state with the identity of the old one where the client left it out. */
export function keepIdentity<T extends KubeObject>(next: T, old: KubeObject): T {
  const before = old.metadata
  let metadata: ObjectMeta = next.metadata
  if (!metadata.uid) metadata = withField(metadata, 'uid', before.uid)
  metadata = withField(metadata, 'creationTimestamp', before.creationTimestamp)
  if (before.deletionTimestamp !== undefined) {
    metadata = withField(metadata, 'deletionTimestamp', before.deletionTimestamp)
    const seconds = metadata.deletionGracePeriodSeconds ?? before.deletionGracePeriodSeconds
    metadata = withField(metadata, 'deletionGracePeriodSeconds', seconds)
  }
  return withField(next as KubeObject, 'metadata', metadata) as T
}

/** The object in the namespace of the request, or in none; two that differ are a 400. */
export function inNamespace<T extends KubeObject>(object: T, namespace: string): T {
  const own = object.metadata.namespace ?? ''
  if (own !== '' && namespace !== '' && own !== namespace) {
    throw badRequest(
      'the namespace of the provided object does not match the namespace sent on the request',
    )
  }
  const metadata = withField(object.metadata, 'namespace', namespace === '' ? undefined : namespace)
  return withField(object as KubeObject, 'metadata', metadata) as T
}
