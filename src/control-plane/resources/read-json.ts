// SPDX-License-Identifier: Apache-2.0
// Reads fields of an object that has the right shape by the schema, but must not bring anything down if
// it has not: what is not a list reads as an empty one, what is not text as ''.

const none: readonly never[] = []
const empty: Readonly<Record<string, never>> = {}

/** The items of a list; a null item reads as an empty record. */
export function listOf<T>(value: readonly T[] | null | undefined): readonly T[] {
  if (!Array.isArray(value)) return none
  const items = value as readonly T[]
  return items.some(isMissing)
    ? items.map((item) => (isMissing(item) ? (empty as T) : item))
    : items
}

/** The text, or ''. */
export function textOf(value: string | null | undefined): string {
  return typeof value === 'string' ? value : ''
}

/** A map; what is none reads as an empty one. */
export function mapOf<T>(
  value: Readonly<Record<string, T>> | null | undefined,
): Readonly<Record<string, T>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : empty
}

/** Whether a field is absent: null counts as that on the wire. */
export function isMissing(value: unknown): value is null | undefined {
  return value === undefined || value === null
}

/** Whether the field is there and is a record, not a list. */
export function isRecord<T>(value: T): value is NonNullable<T> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A map as messages show it, by key; null where there is none. */
export function sortedMap<T>(
  value: Readonly<Record<string, T>> | null | undefined,
): Readonly<Record<string, T>> | null {
  if (isMissing(value)) return null
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}
