// SPDX-License-Identifier: Apache-2.0
// Where a value stands in an object, and the sentences that say that it has the wrong type.
import { jsonTypeName } from './go-text.ts'
import type { FieldSchema } from './schema-catalog.ts'

/** A place in an object; a list that leads up to the root. */
export interface Place {
  readonly parent: Place | undefined
  /** `.name` or `[0]`. */
  readonly text: string
  /** Fields of Go structs that lead here from the parent, joined by dots; none for elements. */
  readonly names: string
  /** The innermost Go struct. */
  readonly struct: string
}

export function placeIn(parent: Place, name: string, field: FieldSchema): Place {
  const names = field.inlinedBy === undefined ? name : `${field.inlinedBy}.${name}`
  return { parent, text: `.${name}`, names, struct: parent.struct }
}

/** Such as `spec.containers[0].name`. */
export function strictPath(place: Place): string {
  let path = ''
  for (let at: Place | undefined = place; at; at = at.parent) path = at.text + path
  return path.slice(1)
}

/** The sentence of Go's JSON decoder. `what` is the kind of the value, a number's with its digits. */
export function mismatchFault(what: string, goType: string, place: Place): string {
  const stack: string[] = []
  for (let at: Place | undefined = place; at; at = at.parent) if (at.names) stack.unshift(at.names)
  return `json: cannot unmarshal ${what} into Go struct field ${place.struct}.${stack.join('.')} of type ${goType}`
}

const goKinds: Readonly<Partial<Record<FieldSchema['kind'], string>>> = {
  boolean: 'bool',
  double: 'float64',
  int32: 'int32',
  int64: 'int64',
  string: 'string',
}

/** The sentence of the converter that turns patched maps into Go structs. */
export function convertFault(value: unknown, field: FieldSchema): string {
  const kind = kindOfValue(value)
  if (field.kind === 'list' || field.kind === 'bytes') return `cannot restore slice from ${kind}`
  if (field.kind === 'map') return `cannot restore map from ${kind}`
  if (field.kind === 'struct') return `cannot restore struct from: ${kind}`
  const isWhole = field.kind === 'int32' || field.kind === 'int64'
  const isConvertible =
    (kind === 'int64' && field.kind === 'string') || (kind === 'float64' && isWhole)
  if (isConvertible) return `cannot convert ${kind} to ${field.goType}`
  return `unrecognized type: ${goKinds[field.kind] ?? field.goType}`
}

function kindOfValue(value: unknown): string {
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64'
  const name = jsonTypeName(value)
  return name === 'array' ? 'slice' : name === 'object' ? 'map' : name
}
