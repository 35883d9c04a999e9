// SPDX-License-Identifier: Apache-2.0
// Equality of plain JSON. Objects in this program share what did not change, so identity answers most
// of the questions; a property that is undefined counts as absent, as it does on the wire.

export function deepEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) return Array.isArray(b) && arraysEqual(a, b)
  return !Array.isArray(b) && recordsEqual(a as Json, b as Json)
}

type Json = Readonly<Record<string, unknown>>

function arraysEqual(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => deepEqual(item, b[index]))
}

function recordsEqual(a: Json, b: Json): boolean {
  for (const key in a) if (!deepEqual(a[key], b[key])) return false
  for (const key in b) if (b[key] !== undefined && a[key] === undefined) return false
  return true
}
