// SPDX-License-Identifier: Apache-2.0
// Storage as authentication, authorization and admission read it: typed, by name, without copies.
import type { ObjectMeta } from '../../kube/types.gen.ts'
import type { Store } from '../storage/store.ts'

/** The kinds that are read, by the name of their storage. */
type Located<T> = T & { readonly metadata: ObjectMeta }

/** One object; `namespace` is '' for cluster-wide kinds. The caller names the right type. */
export function storedObject<T>(
  store: Store,
  resource: string,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): Located<T> | undefined {
  const stored = store.get({ resource, namespace, name })
  return stored && (stored.object as unknown as Located<T>)
}

/** All objects of a resource or of one namespace of it. */
export function storedObjects<T>(
  store: Store,
  resource: string,
  namespace?: string,
): readonly Located<T>[] {
  const { items } = store.list(resource, namespace)
  return items.map(({ object }) => object as unknown as Located<T>)
}
