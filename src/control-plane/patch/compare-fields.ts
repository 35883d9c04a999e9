// SPDX-License-Identifier: Apache-2.0
// Which fields of an object a change added, modified or removed; and which fields an object has at all.
// Both see lists with keys element by element, and atomic values as one.
import { isObject, isSameJson, type JsonObject } from '../schema/json-object.ts'
import type { TypeSchema } from '../schema/schema-catalog.ts'
import { elementKey, elementScope, memberScope, relationOf, type Scope } from './field-relation.ts'
import { FieldSet } from './field-set.ts'

export interface Comparison {
  readonly added: FieldSet
  readonly modified: FieldSet
  readonly removed: FieldSet
}

export function compareFields(before: JsonObject, after: JsonObject, type: TypeSchema): Comparison {
  const comparison = { added: new FieldSet(), modified: new FieldSet(), removed: new FieldSet() }
  compare(before, after, { scope: type, path: [], comparison })
  return comparison
}

/** All leaves of an object, and the elements and keys that are things of their own. */
export function fieldsOf(object: unknown, type: TypeSchema): FieldSet {
  const set = new FieldSet()
  collect(object, { scope: type, path: [], set })
  return set
}

interface CompareAt {
  readonly scope: Scope
  readonly path: string[]
  readonly comparison: Comparison
}

/** Undefined is a side that has nothing there; null is a value. */
function compare(before: unknown, after: unknown, at: CompareAt): void {
  if (before === after) return
  const relation = relationOf(at.scope)
  const isLeaf = relation === 'value' || (isEmptyValue(before) && isEmptyValue(after))
  if (isLeaf) {
    if (before !== undefined && after !== undefined) {
      if (!isSameJson(before, after)) at.comparison.modified.insert(at.path)
      return
    }
  } else if (relation === 'list') compareLists(listOf(before), listOf(after), at)
  else compareObjects(objectOf(before), objectOf(after), at)
  if (before === undefined) at.comparison.added.insert(at.path)
  else if (after === undefined) at.comparison.removed.insert(at.path)
}

function compareObjects(before: JsonObject, after: JsonObject, at: CompareAt): void {
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const scope = memberScope(at.scope, name)
    const path = [...at.path, `f:${name}`]
    compare(before[name], after[name], { ...at, scope, path })
  }
}

function compareLists(before: readonly unknown[], after: readonly unknown[], at: CompareAt): void {
  const scope = elementScope(at.scope)
  const old = groupByKey(before, at.scope)
  const next = groupByKey(after, at.scope)
  for (const key of new Set([...old.keys(), ...next.keys()])) {
    const path = [...at.path, key]
    const was = old.get(key) ?? []
    const is = next.get(key) ?? []
    const below = { ...at, scope, path }
    if (was.length <= 1 && is.length <= 1) compare(was[0], is[0], below)
    else if (was.length > 1 && is.length > 1) {
      if (!isSameJson(was, is)) at.comparison.modified.insert(path)
    } else if (was.length > 1) {
      if (is.length > 0) compare(undefined, is[0], below)
      at.comparison.removed.insert(path)
    } else {
      if (was.length > 0) compare(was[0], undefined, below)
      at.comparison.added.insert(path)
    }
  }
}

/** Elements that have no key are not seen. */
function groupByKey(list: readonly unknown[], scope: Scope): ReadonlyMap<string, unknown[]> {
  const groups = new Map<string, unknown[]>()
  for (const element of list) {
    const found = elementKey(scope, element)
    if (!('key' in found)) continue
    const group = groups.get(found.key)
    if (group) group.push(element)
    else groups.set(found.key, [element])
  }
  return groups
}

interface CollectAt {
  readonly scope: Scope
  readonly path: string[]
  readonly set: FieldSet
}

function collect(value: unknown, at: CollectAt): void {
  const relation = relationOf(at.scope)
  if (relation === 'value') at.set.insert(at.path)
  else if (relation === 'list') {
    const scope = elementScope(at.scope)
    for (const [key, [first, ...more]] of groupByKey(listOf(value), at.scope)) {
      const path = [...at.path, key]
      if (more.length === 0) collect(first, { ...at, scope, path })
      at.set.insert(path)
    }
  } else {
    for (const [name, member] of Object.entries(objectOf(value))) {
      const path = [...at.path, `f:${name}`]
      collect(member, { ...at, scope: memberScope(at.scope, name), path })
      const isBare = member === null || (isObject(member) && Object.keys(member).length === 0)
      if (isBare || relation === 'map') at.set.insert(path)
    }
  }
}

function isEmptyValue(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true
  return Array.isArray(value) ? value.length === 0 : Object.keys(value).length === 0
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : []
}

function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {}
}
