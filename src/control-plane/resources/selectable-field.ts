// SPDX-License-Identifier: Apache-2.0
// Fields that field selectors may name: how they are read, and what is said of those that do not exist.
import type { KubeObject } from '../objects/kube-object.ts'
import type { ResourceDefinition } from './resource-definition.ts'

/** Reads the field at a dotted path as text; '' where there is none. */
export function textAt(path: string, absent = ''): (object: KubeObject) => string {
  const parts = path.split('.')
  return (object) => {
    let value: unknown = object
    for (const part of parts)
      value = (value as Readonly<Record<string, unknown>> | undefined)?.[part]
    const isScalar =
      typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    return isScalar ? String(value) : absent
  }
}

/** The fields at these paths under their own names. */
export function fieldsAt(
  ...paths: readonly string[]
): Readonly<Record<string, (object: KubeObject) => string>> {
  return Object.fromEntries(paths.map((path) => [path, textAt(path)]))
}

/** What the client is told (400) that named a field nobody can select by. */
export function unknownFieldMessage(resource: ResourceDefinition, field: string): string {
  if (resource.kind === 'Job') return `field label ${JSON.stringify(field)} not supported for Job`
  if (resource.selectableFields) return `field label not supported: ${field}`
  return `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`
}
