// SPDX-License-Identifier: Apache-2.0
// Equality of wire JSON as the API server sees it: it leaves zero values out when it writes an object,
// so an absent field, null, '', 0, false, {} and [] say the same. Walks both sides without copying.

/** Do both say the same on the wire? */
export function sameWire(one: unknown, other: unknown): boolean {
  if (one === other) return true
  if (Array.isArray(one) && Array.isArray(other)) return sameArrays(one, other)
  if (isPlainObject(one) && isPlainObject(other)) return sameObjects(one, other)
  return isZero(one) && isZero(other)
}

function sameArrays(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((item, index) => sameWire(item, other[index]))
}

type PlainObject = Readonly<Record<string, unknown>>

function sameObjects(one: PlainObject, other: PlainObject): boolean {
  for (const key in one) {
    if (!sameWire(one[key], other[key])) return false
  }
  for (const key in other) {
    if (!(key in one) && !isZero(other[key])) return false
  }
  return true
}

function isZero(value: unknown): boolean {
  if (value === undefined || value === null) return true
  if (value === '' || value === 0 || value === false) return true
  if (Array.isArray(value)) return value.length === 0
  if (!isPlainObject(value)) return false
  for (const key in value) {
    if (!isZero(value[key])) return false
  }
  return true
}

function isPlainObject(value: unknown): value is PlainObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
