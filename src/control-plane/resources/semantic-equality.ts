// SPDX-License-Identifier: Apache-2.0
// Equality as the API sees it: a list or map that is empty is the same as one that is absent. Objects
// share what did not change, so identity answers most questions.

type Json = Readonly<Record<string, unknown>>

export function isSemanticallyEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (isEmpty(a)) return isEmpty(b)
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) return Array.isArray(b) && areListsEqual(a, b)
  return !Array.isArray(b) && areRecordsEqual(a as Json, b as Json)
}

function areListsEqual(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false
  for (let index = 0; index < a.length; index++) {
    if (!isSemanticallyEqual(a[index], b[index])) return false
  }
  return true
}

function areRecordsEqual(a: Json, b: Json): boolean {
  for (const key in a) if (!isSemanticallyEqual(a[key], b[key])) return false
  for (const key in b) if (a[key] === undefined && !isEmpty(b[key])) return false
  return true
}

function isEmpty(value: unknown): boolean {
  if (typeof value !== 'object') return value === undefined
  if (value === null) return true
  if (Array.isArray(value)) return value.length === 0
  for (const _ in value) return false
  return true
}
