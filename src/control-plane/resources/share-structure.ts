// SPDX-License-Identifier: Apache-2.0
// Changes of immutable JSON that copy only the way to what has changed: whoever changes nothing gets
// the same object back.

/** The object with the value at the key; an undefined value removes the key. */
export function withField<T extends object, K extends keyof T>(
  object: T,
  key: K,
  value: T[K] | undefined,
): T {
  if (object[key] === value) return object
  if (value !== undefined) return { ...object, [key]: value }
  const { [key]: _, ...rest } = object
  return rest as T
}

/** The object with those of the defaults that it lacks: absent, null, or empty text. */
export function withDefaults<T extends object>(object: T, defaults: Partial<T>): T {
  let result: T | undefined
  for (const key in defaults) {
    const value = object[key]
    if (value !== undefined && value !== null && value !== '') continue
    result ??= { ...object }
    result[key] = defaults[key] as T[typeof key]
  }
  return result ?? object
}

/** Like `withDefaults` for numbers, where zero counts as absent. */
export function withNumberDefaults<T extends object>(object: T, defaults: Partial<T>): T {
  let result: T | undefined
  for (const key in defaults) {
    const value = object[key]
    if (value !== undefined && value !== null && value !== 0) continue
    result ??= { ...object }
    result[key] = defaults[key] as T[typeof key]
  }
  return result ?? object
}

/** The object without those of the fields that say nothing: false, zero, empty text. */
export function withoutZeros<T extends object>(object: T, fields: readonly (keyof T)[]): T {
  let result = object
  for (const field of fields) {
    const value = result[field]
    if (value === false || value === 0 || value === '') {
      result = withField(result, field, undefined)
    }
  }
  return result
}

/** The list with each item changed; the same list when none has changed, or when it is no list. */
export function mapItems<T>(list: readonly T[], change: (item: T) => T): readonly T[]
export function mapItems<T>(
  list: readonly T[] | undefined,
  change: (item: T) => T,
): readonly T[] | undefined
export function mapItems<T>(
  list: readonly T[] | undefined,
  change: (item: T) => T,
): readonly T[] | undefined {
  if (!Array.isArray(list)) return list
  const items = list as readonly T[]
  let result: T[] | undefined
  for (let index = 0; index < items.length; index++) {
    const item = items[index] as T
    if (typeof item !== 'object' || item === null) continue
    const changed = change(item)
    if (changed === item) continue
    result ??= [...items]
    result[index] = changed
  }
  return result ?? items
}

/** The object with the record at the key changed; the same object when there is none there. */
export function mapField<T extends object, K extends keyof T>(
  object: T,
  key: K,
  change: (value: NonNullable<T[K]>) => T[K] | undefined,
): T {
  const value = object[key]
  if (typeof value !== 'object' || value === null) return object
  return withField(object, key, change(value))
}
