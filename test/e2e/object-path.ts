// SPDX-License-Identifier: Apache-2.0
//
// Where objects are in the API, by their own words; so that tests need no kubectl to create, apply or
// delete them.

/** An object as a manifest has it. */
export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name?: string
    readonly namespace?: string
    readonly [field: string]: unknown
  }
  readonly [field: string]: unknown
}

const CLUSTER_WIDE = new Set([
  'ClusterRole',
  'ClusterRoleBinding',
  'Namespace',
  'Node',
  'PriorityClass',
])

/** Path of the collection of this kind, in the namespace `default` unless another is named. */
export function collectionPath({ apiVersion, kind, metadata }: Manifest): string {
  const base = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  const scope = CLUSTER_WIDE.has(kind) ? '' : `/namespaces/${metadata.namespace ?? 'default'}`
  return `${base}${scope}/${pluralOf(kind)}`
}

/** Path of the object itself. */
export function objectPath(object: Manifest): string {
  return `${collectionPath(object)}/${object.metadata.name ?? ''}`
}

function pluralOf(kind: string): string {
  const name = kind.toLowerCase()
  return /(s|x|ch)$/.test(name) ? `${name}es` : name.replace(/y$/, 'ie') + 's'
}
