// SPDX-License-Identifier: Apache-2.0
// How server-side apply sees a field: as one value, as an object of fields, or as a list whose elements
// are told apart by keys or by themselves.
import { fieldOf, isObject } from '../schema/json-object.ts'
import type { FieldSchema, TypeSchema } from '../schema/schema-catalog.ts'
import type { FieldStep } from './field-set.ts'

export type Relation = 'list' | 'map' | 'struct' | 'value'

/** Where a walk is: at a field, or at the root of an object. */
export type Scope = FieldSchema | TypeSchema | undefined

export function relationOf(scope: Scope): Relation {
  if (scope === undefined) return 'value'
  if (!('element' in scope)) return 'struct'
  switch (scope.kind) {
    case 'struct':
      return scope.isAtomicMap || !scope.type ? 'value' : 'struct'
    case 'map':
      return scope.isAtomicMap ? 'value' : 'map'
    case 'list':
      return isAssociative(scope) ? 'list' : 'value'
    default:
      return 'value'
  }
}

/** The field of a struct, or the values of a map. */
export function memberScope(scope: Scope, name: string): FieldSchema | undefined {
  if (scope === undefined) return undefined
  if (!('element' in scope)) return scope.fields.get(name)
  return scope.type ? scope.type.fields.get(name) : scope.element
}

export function elementScope(scope: Scope): FieldSchema | undefined {
  return scope && 'element' in scope ? scope.element : undefined
}

/** For `FieldSet.withNamed`: the fields of structs are named, the keys of maps are not. */
export function namedStep(scope: Scope, element: string): FieldStep<Scope> {
  const relation = relationOf(scope)
  if (element.startsWith('f:') && (relation === 'struct' || relation === 'map')) {
    const next = memberScope(scope, element.slice(2))
    return { isNamed: relation === 'struct' && next !== undefined, scope: next }
  }
  return { isNamed: false, scope: relation === 'list' ? elementScope(scope) : undefined }
}

/** The path element of a list's element, or the reason why it has none. */
export function elementKey(
  scope: Scope,
  value: unknown,
): { readonly key: string } | { readonly fault: string } {
  const keys = keysOf(scope)
  if (keys.length === 0) return setElementKey(value)
  if (value === null || value === undefined) {
    return { fault: 'associative list with keys may not have a null element' }
  }
  if (!isObject(value)) {
    return { fault: 'associative list with keys may not have non-map elements' }
  }
  const found: Record<string, unknown> = {}
  for (const name of [...keys].sort()) {
    const own = fieldOf(value, name)
    const one = own === undefined ? keyDefault(memberScope(elementScope(scope), name)) : own
    if (one !== undefined) found[name] = one
  }
  if (Object.keys(found).length > 0) return { key: `k:${JSON.stringify(found)}` }
  const names = keys.map((name) => JSON.stringify(name)).join(' ')
  return {
    fault: `associative list with keys has an element that omits all key fields [${names}] (and doesn't have default values for any key fields)`,
  }
}

function setElementKey(value: unknown): { readonly key: string } | { readonly fault: string } {
  const prefix = 'associative list without keys has an element'
  if (value === null || value === undefined) {
    return { fault: `${prefix} that's an explicit null` }
  }
  if (Array.isArray(value)) {
    return { fault: 'not supported: associative list with lists as elements' }
  }
  if (isObject(value)) return { fault: `${prefix} that's a map type` }
  return { key: `v:${JSON.stringify(value)}` }
}

function isAssociative(field: FieldSchema): boolean {
  if (field.listType !== undefined) return field.listType !== 'atomic'
  return field.isMerged
}

function keysOf(scope: Scope): readonly string[] {
  if (!scope || !('element' in scope)) return []
  if (scope.listType !== undefined) return scope.listMapKeys
  return scope.mergeKey === undefined ? [] : [scope.mergeKey]
}

/** Keys that are always written count with their zero values. */
function keyDefault(field: FieldSchema | undefined): unknown {
  if (!field) return undefined
  if (field.defaultValue !== undefined) return field.defaultValue
  if (field.presence !== 'always') return undefined
  if (field.kind === 'string') return ''
  return field.kind === 'int32' || field.kind === 'int64' ? 0 : undefined
}
