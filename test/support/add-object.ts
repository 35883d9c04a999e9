// SPDX-License-Identifier: Apache-2.0
// Puts an object into a store as the server would have completed it.
import type { KubeObject, StoredObject } from '../../src/control-plane/objects/kube-object.ts'
import type { Store } from '../../src/control-plane/storage/store.ts'

/** An object as a test writes it down: what the server adds may be left out. */
export type Draft = Omit<Partial<KubeObject>, 'metadata'> & {
  readonly metadata: KubeObject['metadata'] & { readonly name: string }
}

/** Stores an object under the key that its metadata tells. Its uid is `<resource>-<name>` by default. */
export function addObject(store: Store, resource: string, draft: Draft): StoredObject {
  const { name, namespace = '' } = draft.metadata
  const metadata = {
    uid: `${resource}-${name}`,
    creationTimestamp: '2026-01-01T00:00:00Z',
    ...draft.metadata,
  }
  const object = { apiVersion: 'v1', kind: '', ...draft, metadata }
  return store.put({ resource, namespace, name }, object).object
}
