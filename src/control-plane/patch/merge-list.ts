// SPDX-License-Identifier: Apache-2.0
// The lists of a strategic merge patch: elements that are told apart by a merge key are merged one by
// one, primitives are added, and the order follows the patch first and the stored list second.
import { goText, goTypeName } from '../schema/go-text.ts'
import { fieldOf, hasField, isObject, type JsonObject } from '../schema/json-object.ts'
import type { FieldSchema } from '../schema/schema-catalog.ts'
import { failure, unknownPatchType, unprocessable } from './patch-failure.ts'

type List = readonly unknown[]

interface MergeOptions {
  readonly field: FieldSchema
  readonly mergeObject: (
    original: JsonObject,
    patch: JsonObject,
    scope: FieldSchema | undefined,
  ) => JsonObject
}

/** Merges a patch's list into a stored one; both are lists of one kind of element. */
export function mergeElements(original: List, patch: List, options: MergeOptions): List {
  if (original.length === 0 && patch.length === 0) return original
  checkSameKind(original, patch)
  const isKeyed = isObject(original[0] ?? patch[0])
  const { field } = options
  if (!isKeyed) return inOrder([...new Set([...original, ...patch])], '', [patch, original])
  if (field.mergeKey === undefined) {
    throw failure(
      `cannot merge lists without merge key for ${field.element?.type ? 'struct' : 'map'}`,
    )
  }
  const prepared = applySpecialElements(original, patch, field.mergeKey)
  const merged = mergeByKey(prepared.original, prepared.patch, options)
  return inOrder(merged, field.mergeKey, [prepared.patch, prepared.original])
}

/** Sorts a merged list by a patch's $setElementOrder. */
export function orderElements(
  merged: List,
  lists: {
    readonly current: List
    readonly changed: List
    readonly wanted: List
    readonly field: FieldSchema | undefined
  },
): List {
  const { current, changed, wanted, field } = lists
  checkSameKind(current, changed)
  if (current.length === 0 && changed.length === 0) {
    throw failure('no elements in any of the given slices')
  }
  const mergeKey = isObject(current[0] ?? changed[0]) ? (field?.mergeKey ?? '') : ''
  checkAgainstOrder(changed, wanted, mergeKey)
  return inOrder(merged, mergeKey, [wanted, current])
}

function checkSameKind(...lists: readonly List[]): void {
  let kind: string | undefined
  for (const element of lists.flat()) {
    if (kind === undefined && Array.isArray(element)) {
      throw unprocessable()
    }
    const next = goTypeName(element)
    kind ??= next
    if (kind !== next) {
      throw failure(`list element types are not identical: ${goText(lists)}`)
    }
  }
}

/** Obeys the elements that are directives, and takes them out of the patch. */
function applySpecialElements(
  original: List,
  patch: List,
  mergeKey: string,
): { readonly original: readonly JsonObject[]; readonly patch: readonly JsonObject[] } {
  const elements = patch as readonly JsonObject[]
  const current = original as readonly JsonObject[]
  if (!elements.some((element) => hasField(element, '$patch'))) {
    return { original: current, patch: elements }
  }
  const plain = elements.filter((element) => !hasField(element, '$patch'))
  const gone = new Set<unknown>()
  let isReplaced = false
  for (const element of elements) {
    if (!hasField(element, '$patch')) continue
    const directive = element['$patch']
    if (directive === 'delete') gone.add(keyOf(element, mergeKey))
    else if (directive === 'replace') isReplaced = true
    else if (directive === 'merge') {
      throw failure('merging lists cannot yet be specified in the patch')
    } else throw unknownPatchType(directive, element)
  }
  if (isReplaced) return { original: plain, patch: [] }
  const kept = current.filter((element) => !gone.has(fieldOf(element, mergeKey)))
  return { original: kept, patch: plain }
}

function mergeByKey(
  original: readonly JsonObject[],
  patch: readonly JsonObject[],
  { field, mergeObject }: MergeOptions,
): List {
  const mergeKey = field.mergeKey ?? ''
  const merged = [...original]
  for (const element of patch) {
    const key = keyOf(element, mergeKey)
    const index = merged.findIndex((one) => fieldOf(one, mergeKey) === key)
    const found = merged[index]
    if (found) merged[index] = mergeObject(found, element, field.element)
    else merged.push(element)
  }
  return merged
}

function keyOf(element: unknown, mergeKey: string): unknown {
  if (isObject(element) && hasField(element, mergeKey)) return element[mergeKey]
  throw failure(`map: ${goText(element)} does not contain declared merge key: ${mergeKey}`)
}

/** The elements that a patch names must be in the order, in that order. */
function checkAgainstOrder(changed: List, wanted: List, mergeKey: string): void {
  if (changed.length === 0 || wanted.length === 0) return
  const identify = identityBy(mergeKey)
  let at = 0
  for (const element of changed) {
    if (isObject(element) && hasField(element, '$patch')) continue
    const key = identify(element)
    while (at < wanted.length && identify(wanted[at]) !== key) at++
    if (at === wanted.length) {
      throw failure(
        `The order in patch list:\n${goText(changed)}\n doesn't match $setElementOrder list:\n${goText(wanted)}\n`,
      )
    }
    at++
  }
}

function identityBy(mergeKey: string): (element: unknown) => unknown {
  return mergeKey === '' ? (element) => element : (element) => keyOf(element, mergeKey)
}

/**
 * Elements of the first order come in it; the others, in the second order, are put before the first
 * element that follows them there.
 */
function inOrder(merged: List, mergeKey: string, orders: readonly [List, List]): List {
  const identify = identityBy(mergeKey)
  const [first, second] = orders.map((order) => rankBy(order.map(identify)))
  if (!first || !second) return merged
  const byRank = (rank: ReadonlyMap<unknown, number>) => (a: unknown, b: unknown) =>
    (rank.get(identify(a)) ?? 0) - (rank.get(identify(b)) ?? 0)
  const named = merged.filter((element) => first.has(identify(element))).sort(byRank(first))
  const others = merged.filter((element) => !first.has(identify(element))).sort(byRank(second))
  const result: unknown[] = []
  let next = 0
  for (const element of named) {
    const rank = second.get(identify(element)) ?? -1
    while (next < others.length && rankOf(others[next]) < rank) result.push(others[next++])
    result.push(element)
  }
  return [...result, ...others.slice(next)]

  function rankOf(element: unknown): number {
    return second?.get(identify(element)) ?? Number.MAX_SAFE_INTEGER
  }
}

function rankBy(keys: readonly unknown[]): ReadonlyMap<unknown, number> {
  const ranks = new Map<unknown, number>()
  keys.forEach((key, index) => {
    if (!ranks.has(key)) ranks.set(key, index)
  })
  return ranks
}
