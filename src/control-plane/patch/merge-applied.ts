// SPDX-License-Identifier: Apache-2.0
// Merges an applied configuration into a stored object, and takes fields out of an object. Merging
// removes nothing; lists with keys come in the order of the configuration, and the elements that only
// the stored object has keep their places between.
import { isObject, type JsonObject, type MutableObject, setField } from '../schema/json-object.ts'
import type { TypeSchema } from '../schema/schema-catalog.ts'
import { elementKey, elementScope, memberScope, relationOf, type Scope } from './field-relation.ts'
import type { FieldSet } from './field-set.ts'

export function mergeApplied(live: JsonObject, applied: JsonObject, type: TypeSchema): JsonObject {
  return mergeValue(live, applied, type) as JsonObject
}

/** Fields that lead to nothing any more become null; decoding drops those. */
export function removeFields(object: JsonObject, fields: FieldSet, type: TypeSchema): JsonObject {
  const left = removeFrom(object, fields, type)
  return isObject(left) ? left : {}
}

function mergeValue(live: unknown, applied: unknown, scope: Scope): unknown {
  if (applied === undefined) return live
  if (live === undefined) return applied
  const relation = relationOf(scope)
  if (relation === 'value' || (isEmptyValue(live) && isEmptyValue(applied))) return applied
  if (relation === 'list') return mergeList(listOf(live), listOf(applied), scope)
  return mergeObject(objectOf(live), objectOf(applied), scope)
}

function mergeObject(live: JsonObject, applied: JsonObject, scope: Scope): JsonObject {
  let copy: MutableObject | undefined
  for (const name of Object.keys(applied)) {
    const current = Object.hasOwn(live, name) ? live[name] : undefined
    const next = mergeValue(current, applied[name], memberScope(scope, name))
    if (next === current) continue
    copy ??= { ...live }
    setField(copy, name, next)
  }
  return copy ?? live
}

interface Keyed {
  readonly key: string
  readonly value: unknown
}

function keyed(list: readonly unknown[], scope: Scope): readonly Keyed[] {
  return list.flatMap((value) => {
    const found = elementKey(scope, value)
    return 'key' in found ? [{ key: found.key, value }] : []
  })
}

function mergeList(live: readonly unknown[], applied: readonly unknown[], scope: Scope): unknown[] {
  const left = keyed(live, scope)
  const right = keyed(applied, scope)
  const leftByKey = uniqueByKey(left)
  const rightByKey = new Map(right.map(({ key, value }) => [key, value]))
  const merged = new Set<string>()
  const result: unknown[] = []
  const shared = right.map(({ key }) => key).filter((key) => leftByKey.has(key))
  const mergeBoth = (key: string): void => {
    merged.add(key)
    result.push(mergeValue(leftByKey.get(key), rightByKey.get(key), elementScope(scope)))
    if (shared[0] === key) shared.shift()
  }
  let l = 0
  let r = 0
  while (l < left.length || r < right.length) {
    const ours = left[l]
    const theirs = right[r]
    const isShared = ours !== undefined && rightByKey.has(ours.key)
    const turn = turnOf({ ours, theirs, isShared, expected: shared[0] })
    if (turn === 'live') result.push(ours?.value)
    if (turn !== 'applied' || (ours && merged.has(ours.key))) l++
    if (theirs && (turn === 'both' || turn === 'applied')) {
      mergeBoth(theirs.key)
      r++
    }
  }
  return result
}

/** Whose element is next; `later` passes over one of the stored list that comes where the configuration has it. */
function turnOf({
  ours,
  theirs,
  isShared,
  expected,
}: {
  readonly ours: Keyed | undefined
  readonly theirs: Keyed | undefined
  /** Both lists have the stored one. */
  readonly isShared: boolean
  /** Key of the first shared element, in the order of the configuration, that is not merged yet. */
  readonly expected: string | undefined
}): 'both' | 'live' | 'later' | 'applied' {
  if (!ours) return 'applied'
  if (ours.key === theirs?.key) return 'both'
  if (!isShared) return 'live'
  return theirs && expected !== undefined && expected !== ours.key ? 'later' : 'applied'
}

/** Elements that come twice are not merged with anything. */
function uniqueByKey(elements: readonly Keyed[]): ReadonlyMap<string, unknown> {
  const values = new Map<string, unknown>()
  for (const { key, value } of elements) values.set(key, values.has(key) ? undefined : value)
  return values
}

function removeFrom(value: unknown, fields: FieldSet, scope: Scope): unknown {
  const relation = relationOf(scope)
  if (relation === 'value') return isObject(value) || Array.isArray(value) ? null : value
  if (relation === 'list') {
    const kept: unknown[] = []
    for (const element of listOf(value)) {
      const found = elementKey(scope, element)
      const key = 'key' in found ? found.key : ''
      if (fields.hasElement(key)) continue
      const below = fields.below(key)
      kept.push(below.isEmpty ? element : removeFrom(element, below, elementScope(scope)))
    }
    return kept.length > 0 ? kept : null
  }
  const kept: MutableObject = {}
  for (const [name, member] of Object.entries(objectOf(value))) {
    const element = `f:${name}`
    if (fields.hasElement(element)) continue
    const below = fields.below(element)
    const next = below.isEmpty ? member : removeFrom(member, below, memberScope(scope, name))
    setField(kept, name, next)
  }
  return Object.keys(kept).length > 0 ? kept : null
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
