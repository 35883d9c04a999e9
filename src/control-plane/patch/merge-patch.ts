// SPDX-License-Identifier: Apache-2.0
// JSON merge patch (RFC 7386). The result shares whatever the patch does not touch with the object, and
// is the object itself where the patch says what is there already.
import { badRequest } from '../objects/api-status.ts'
import { jsonTypeName } from '../schema/go-text.ts'
import {
  fieldOf,
  hasField,
  isObject,
  type JsonObject,
  setField,
  withoutFields,
} from '../schema/json-object.ts'

/** Throws a 400 for a patch that is not an object. */
export function applyMergePatch(object: JsonObject, patch: unknown): JsonObject {
  if (patch === null) throw badRequest('Invalid JSON Patch')
  if (!isObject(patch)) {
    const what = jsonTypeName(patch)
    const sentence = `json: cannot unmarshal ${what} into Go value of type map[string]interface {}`
    throw badRequest(`error decoding patch: ${sentence}`)
  }
  return merge(object, patch)
}

function merge(object: JsonObject, patch: JsonObject): JsonObject {
  let copy: Record<string, unknown> | undefined
  let removed: Set<string> | undefined
  for (const name of Object.keys(patch)) {
    const value = patch[name]
    if (value === null) {
      if (hasField(object, name)) (removed ??= new Set()).add(name)
      continue
    }
    const current = fieldOf(object, name)
    const next = isObject(current) && isObject(value) ? merge(current, value) : withoutNulls(value)
    if (next === current) continue
    copy ??= { ...object }
    setField(copy, name, next)
  }
  const result = copy ?? object
  return removed ? withoutFields(result, removed) : result
}

/** Where there was no object to merge with, null means that there shall be nothing. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.some(isCompound) ? value.map(withoutNulls) : value
  return isObject(value) ? merge({}, value) : value
}

function isCompound(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}
