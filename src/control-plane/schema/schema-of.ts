// SPDX-License-Identifier: Apache-2.0
// Finds the type of an object by its apiVersion and kind, and the type of a field inside by its path.
import { schemaCatalog, type FieldSchema, type TypeSchema } from './schema-catalog.ts'

let byKind: ReadonlyMap<string, TypeSchema> | undefined

/** The type of a kind such as `apps/v1`, `Deployment`; undefined for kinds that are not served. */
export function schemaOf(apiVersion: string, kind: string): TypeSchema | undefined {
  byKind ??= indexByKind()
  return byKind.get(`${apiVersion} ${kind}`)
}

/** A type by its name, such as `core.v1.PodSpec`. */
export function typeNamed(name: string): TypeSchema | undefined {
  return schemaCatalog().get(name)
}

/**
 * The field at a path of names, such as `spec.containers.image`; lists and maps are entered without a
 * name of their own. Undefined when there is no such field, or what is there has no type.
 */
export function fieldAt(schema: TypeSchema, path: string): FieldSchema | undefined {
  let type: TypeSchema | undefined = schema
  let found: FieldSchema | undefined
  for (const name of path.split('.')) {
    found = type?.fields.get(name)
    type = innermost(found)?.type
  }
  return found
}

function innermost(field: FieldSchema | undefined): FieldSchema | undefined {
  let one = field
  while (one?.element) one = one.element
  return one
}

function indexByKind(): ReadonlyMap<string, TypeSchema> {
  const index = new Map<string, TypeSchema>()
  for (const type of schemaCatalog().values()) {
    for (const [group, version, kind] of type.kinds) {
      index.set(`${group === '' ? version : `${group}/${version}`} ${kind}`, type)
    }
  }
  return index
}
