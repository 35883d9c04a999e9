// SPDX-License-Identifier: Apache-2.0
// Values of JSON as Go's fmt prints them with %v, for messages of the API that contain them.
import { isObject } from './json-object.ts'

/** `map[name:a ports:[80 443]]`; the keys of maps are sorted. */
export function goText(value: unknown): string {
  if (value === null || value === undefined) return '<nil>'
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`
  if (isObject(value)) {
    const keys = Object.keys(value).sort()
    return `map[${keys.map((key) => `${key}:${goText(value[key])}`).join(' ')}]`
  }
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** The Go type that a value of JSON has when it is decoded without a schema. */
export function goTypeName(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}'
  if (isObject(value)) return 'map[string]interface {}'
  if (typeof value === 'string') return 'string'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64'
  return '%!s(<nil>)'
}

/** The kind of a value of JSON as the decoder's messages name it. */
export function jsonTypeName(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return typeof value === 'boolean' ? 'bool' : typeof value
}
