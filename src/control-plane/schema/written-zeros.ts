// SPDX-License-Identifier: Apache-2.0
// Some fields are on the wire whatever their value: Go writes structs, and scalars without omitempty,
// even when nobody set them (`status: {}`, `resources: {}`, `lastProbeTime: null`). Stored objects need
// not have them; these functions add them.
import { isObject, type JsonObject, type MutableObject } from './json-object.ts'
import type { FieldSchema, TypeSchema } from './schema-catalog.ts'

interface Zeros {
  /** Fields that are always written, with their zero values. */
  readonly always: readonly (readonly [name: string, value: unknown])[]
  /** Fields below which there may be more. */
  readonly deeper: readonly (readonly [name: string, field: FieldSchema])[]
}

const computed = new Map<TypeSchema, Zeros>()

/** The object with all fields that the wire always has; shares what is complete already. */
export function withWrittenZeros(object: JsonObject, type: TypeSchema): JsonObject {
  const { always, deeper } = zerosOf(type)
  let copy: MutableObject | undefined
  for (const [name, zero] of always) {
    if (object[name] === undefined) (copy ??= { ...object })[name] = zero
  }
  for (const [name, field] of deeper) {
    const value = (copy ?? object)[name]
    if (typeof value !== 'object' || value === null) continue
    const next = completeValue(value, field)
    if (next !== value) (copy ??= { ...object })[name] = next
  }
  return copy ?? object
}

/** What the wire shows of an object of which nothing is set. */
export function zeroObject(type: TypeSchema): JsonObject {
  return withWrittenZeros({}, type)
}

function completeValue(value: unknown, field: FieldSchema): unknown {
  if (field.kind === 'struct') {
    return field.type && isObject(value) ? withWrittenZeros(value, field.type) : value
  }
  const { element } = field
  if (!element) return value
  if (Array.isArray(value)) {
    const next = value.map((one) => completeValue(one, element))
    return next.some((one, index) => one !== value[index]) ? next : value
  }
  if (!isObject(value)) return value
  const entries = Object.entries(value)
  const next = entries.map(([name, one]) => [name, completeValue(one, element)] as const)
  const isChanged = next.some(([name, one]) => one !== value[name])
  return isChanged ? Object.fromEntries(next) : value
}

function zerosOf(type: TypeSchema): Zeros {
  const known = computed.get(type)
  if (known) return known
  const fields = [...type.fields]
  const always: (readonly [string, unknown])[] = []
  computed.set(type, { always, deeper: fields.filter(([, field]) => innermostType(field)) })
  for (const [name, field] of fields) {
    if (field.presence === 'always') always.push([name, zeroOf(field)])
  }
  return zerosOf(type)
}

function innermostType(field: FieldSchema): TypeSchema | undefined {
  return field.element ? innermostType(field.element) : field.type
}

function zeroOf(field: FieldSchema): unknown {
  switch (field.kind) {
    case 'struct':
      return field.type ? zeroObject(field.type) : {}
    case 'string':
      return ''
    case 'boolean':
      return false
    case 'double':
    case 'int32':
    case 'int64':
    case 'intOrString':
      return 0
    case 'duration':
      return '0s'
    case 'quantity':
      return '0'
    default:
      return null
  }
}
