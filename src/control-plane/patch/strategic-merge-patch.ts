// SPDX-License-Identifier: Apache-2.0
// Strategic merge patch: a merge patch that knows which lists are merged element by element, and has
// directives ($patch, $retainKeys, $deleteFromPrimitiveList, $setElementOrder). Behaves as
// k8s.io/apimachinery/pkg/util/strategicpatch, faults and messages included. The result shares what
// the patch does not change with the object; this is the path of every status update of a pod.
import { badRequest } from '../objects/api-status.ts'
import { goTypeName, jsonTypeName } from '../schema/go-text.ts'
import {
  fieldOf,
  hasField,
  isObject,
  type JsonObject,
  type MutableObject,
  setField,
  withoutFields,
} from '../schema/json-object.ts'
import type { FieldSchema, TypeSchema } from '../schema/schema-catalog.ts'
import { mergeElements, orderElements } from './merge-list.ts'
import { failure, unknownPatchType } from './patch-failure.ts'

const deletePrefix = '$deleteFromPrimitiveList'
const orderPrefix = '$setElementOrder'

/** What a patch is merged with: an object of a type, a map, or what no schema describes. */
type Scope = TypeSchema | FieldSchema | undefined

/** Throws the API server's refusals of a malformed patch: 400, 422 or, for some, 500. */
export function applyStrategicMergePatch(
  object: JsonObject,
  patch: unknown,
  schema: TypeSchema,
): JsonObject {
  if (patch === null) return object
  if (!isObject(patch)) {
    const what = jsonTypeName(patch)
    throw badRequest(`json: cannot unmarshal ${what} into Go value of type map[string]interface {}`)
  }
  return mergeObject(object, patch, schema)
}

/** Merges one object; also called back for the elements of merged lists. */
export function mergeObject(original: JsonObject, patch: JsonObject, scope: Scope): JsonObject {
  if (hasField(patch, '$patch')) return directed(patch)
  const draft = new Draft(original)
  const retained = fieldOf(patch, '$retainKeys')
  if (retained !== undefined) retainKeys(draft, patch, retained)
  const done = applyOrders(draft, patch, scope)
  for (const name of Object.keys(patch)) {
    if (name === '$retainKeys' || done?.has(name)) continue
    if (name.startsWith(deletePrefix)) deleteFromPrimitives(draft, name, patch[name], scope)
    else mergeField(draft, name, patch[name], scope)
  }
  return draft.finish()
}

/** An object being changed: copied at the first change, removals collected for the end. */
class Draft {
  readonly #original: JsonObject
  #copy: MutableObject | undefined
  #removed: Set<string> | undefined

  constructor(original: JsonObject) {
    this.#original = original
  }

  names(): readonly string[] {
    return Object.keys(this.#copy ?? this.#original).filter((name) => this.has(name))
  }

  has(name: string): boolean {
    return hasField(this.#copy ?? this.#original, name) && !this.#removed?.has(name)
  }

  get(name: string): unknown {
    return this.has(name) ? (this.#copy ?? this.#original)[name] : undefined
  }

  set(name: string, value: unknown): void {
    if (this.has(name) && this.get(name) === value) return
    this.#removed?.delete(name)
    this.#copy ??= { ...this.#original }
    setField(this.#copy, name, value)
  }

  remove(name: string): void {
    if (this.has(name)) (this.#removed ??= new Set()).add(name)
  }

  finish(): JsonObject {
    const result = this.#copy ?? this.#original
    return this.#removed ? withoutFields(result, this.#removed) : result
  }
}

function directed(patch: JsonObject): JsonObject {
  const directive = patch['$patch']
  if (directive === 'replace') return withoutFields(patch, new Set(['$patch']))
  if (directive === 'delete') return {}
  throw unknownPatchType(directive, patch)
}

function retainKeys(draft: Draft, patch: JsonObject, retained: unknown): void {
  const malformed = badRequest('invalid patch format of retainKeys')
  if (!Array.isArray(retained)) throw malformed
  const kept = new Set<unknown>(retained)
  for (const name of Object.keys(patch)) {
    const isDirective =
      name === '$retainKeys' || name.startsWith(deletePrefix) || name.startsWith(orderPrefix)
    if (patch[name] !== null && !isDirective && !kept.has(name)) throw malformed
  }
  for (const name of draft.names()) {
    if (!kept.has(name)) draft.remove(name)
  }
}

function mergeField(draft: Draft, name: string, value: unknown, scope: Scope): void {
  if (value === null) {
    draft.remove(name)
    return
  }
  const current = draft.get(name)
  if (isObject(current) && isObject(value)) {
    const member = memberOf(scope, name)
    draft.set(name, member?.isReplaced ? value : mergeObject(current, value, member))
  } else if (Array.isArray(current) && Array.isArray(value)) {
    draft.set(name, mergeList(current, value, memberOf(scope, name)))
  } else {
    take(draft, name, value)
  }
}

/** Puts a value of the patch where there was nothing to merge it with. */
function take(draft: Draft, name: string, value: unknown): void {
  if (isObject(value) && hasField(value, '$patch')) draft.remove(name)
  else draft.set(name, withoutDirectives(value))
}

/** The field of a name within an object or map; a struct's unknown field is refused. */
function memberOf(scope: Scope, name: string): FieldSchema | undefined {
  if (scope === undefined) return undefined
  if ('element' in scope && scope.kind === 'map') return scope.element
  const type = 'element' in scope ? scope.type : scope
  if (!type) return undefined
  const field = type.fields.get(name)
  if (field) return field
  throw failure(
    `unable to find api field in struct ${type.goName} for the json field ${JSON.stringify(name)}`,
  )
}

function mergeList(
  original: readonly unknown[],
  patch: readonly unknown[],
  field: FieldSchema | undefined,
): readonly unknown[] {
  if (!field?.isMerged) return patch
  return mergeElements(original, patch, { field, mergeObject })
}

function deleteFromPrimitives(draft: Draft, name: string, value: unknown, scope: Scope): void {
  const target = targetOf(name, 'primitive')
  if (value === null) {
    draft.remove(target)
    return
  }
  const current = draft.get(target)
  if (!Array.isArray(current) || !Array.isArray(value)) return
  memberOf(scope, target)
  const gone = new Set<unknown>(value)
  draft.set(
    target,
    current.filter((element) => !gone.has(element)),
  )
}

function targetOf(name: string, kind: 'primitive' | 'setElementOrder'): string {
  const slash = name.indexOf('/')
  const prefix = kind === 'primitive' ? deletePrefix : orderPrefix
  if (slash === -1 || name.slice(0, slash) !== prefix) {
    throw badRequest(`invalid patch format of ${kind} list`)
  }
  return name.slice(slash + 1)
}

/** Merges and sorts the lists that have a $setElementOrder; returns the fields that are done. */
function applyOrders(draft: Draft, patch: JsonObject, scope: Scope): Set<string> | undefined {
  let done: Set<string> | undefined
  for (const name of Object.keys(patch)) {
    if (!name.startsWith(orderPrefix)) continue
    done ??= new Set()
    done.add(name)
    const target = targetOf(name, 'setElementOrder')
    if (applyOrder(draft, target, { patch, order: patch[name], scope })) done.add(target)
  }
  return done
}

interface Order {
  readonly patch: JsonObject
  readonly order: unknown
  readonly scope: Scope
}

function applyOrder(draft: Draft, target: string, { patch, order, scope }: Order): boolean {
  const wanted = listOrFail(order) ?? []
  const current = draft.has(target) ? listOrFail(draft.get(target)) : undefined
  const changed = hasField(patch, target) ? listOrFail(patch[target]) : undefined
  const field = memberOf(scope, target)
  if (!current && !changed) return false
  const merged = current
    ? changed
      ? mergeList(current, changed, field)
      : current
    : (withoutDirectives(changed) as readonly unknown[])
  draft.set(
    target,
    orderElements(merged, { current: current ?? [], changed: changed ?? [], wanted, field }),
  )
  return true
}

function listOrFail(value: unknown): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value
  throw failure(`expected a []interface {}, but received a ${goTypeName(value)}`)
}

/** A value of the patch as it is stored: without null fields, and without what is only a directive. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) {
    const kept = value.filter((element) => !isDirective(element))
    return kept.some(isCompound) ? kept.map(withoutDirectives) : kept
  }
  if (!isObject(value)) return value
  const names = Object.keys(value)
  const isPlain = names.every((name) => value[name] !== null && !isCompound(value[name]))
  if (isPlain) return value
  const copy: MutableObject = {}
  for (const name of names) {
    const field = value[name]
    if (field !== null && !isDirective(field)) setField(copy, name, withoutDirectives(field))
  }
  return copy
}

function isDirective(value: unknown): boolean {
  return isObject(value) && hasField(value, '$patch')
}

function isCompound(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}
