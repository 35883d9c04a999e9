// SPDX-License-Identifier: Apache-2.0
// JSON objects as requests bring them. Any key may come, `__proto__` too, which must become a key like
// another: that is why fields are set and copied here only.

export type JsonObject = Readonly<Record<string, unknown>>
export type MutableObject = Record<string, unknown>

/** Whether a value of JSON is an object, neither a list nor null. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Sets a field of an object that the caller has made. */
export function setField(object: MutableObject, name: string, value: unknown): void {
  if (name === '__proto__') {
    Object.defineProperty(object, name, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    })
  } else {
    object[name] = value
  }
}

/** The object with one field set; the same object if it has that value already. */
export function withField(object: JsonObject, name: string, value: unknown): JsonObject {
  if (hasField(object, name) && object[name] === value) return object
  const copy = { ...object }
  setField(copy, name, value)
  return copy
}

/** The object without the fields that are named; the same object if it has none of them. */
export function withoutFields(object: JsonObject, names: ReadonlySet<string>): JsonObject {
  const copy: MutableObject = {}
  let isChanged = false
  for (const name of Object.keys(object)) {
    if (names.has(name)) isChanged = true
    else setField(copy, name, object[name])
  }
  return isChanged ? copy : object
}

export function hasField(object: JsonObject, name: string): boolean {
  return Object.hasOwn(object, name)
}

/** The own field of that name; never something inherited. */
export function fieldOf(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined
}

/** Whether two values of JSON say the same; the order of an object's fields does not matter. */
export function isSameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false
    return a.every((element, index) => isSameJson(element, b[index]))
  }
  if (Array.isArray(b)) return false
  return isSameObject(a as JsonObject, b as JsonObject)
}

function isSameObject(a: JsonObject, b: JsonObject): boolean {
  const names = Object.keys(a)
  if (names.length !== Object.keys(b).length) return false
  return names.every((name) => hasField(b, name) && isSameJson(a[name], b[name]))
}
