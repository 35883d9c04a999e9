// SPDX-License-Identifier: Apache-2.0
// What a cache need not keep: bookkeeping of field owners and kubectl's copy of the manifest make up
// half of a pod's size.
import type { StoredMeta } from './types.gen.ts'

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration'

/** The object without managedFields and without kubectl's last-applied annotation. */
export function withoutBulk<T extends { readonly metadata: StoredMeta }>(object: T): T {
  const { managedFields, annotations, ...metadata } = object.metadata
  if (managedFields === undefined && annotations?.[lastApplied] === undefined) return object
  return { ...object, metadata: { ...metadata, ...(annotations && trim(annotations)) } }
}

function trim(annotations: Readonly<Record<string, string>>): Pick<StoredMeta, 'annotations'> {
  const { [lastApplied]: _manifest, ...others } = annotations
  return Object.keys(others).length === 0 ? {} : { annotations: others }
}
