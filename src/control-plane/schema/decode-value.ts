// SPDX-License-Identifier: Apache-2.0
// Brings a value of JSON into the form that its type gives it: unknown fields go, so do empty values
// that the wire leaves out, quantities and times get their canonical notation. What conforms already is
// returned as it is, so that decoding a clean object copies nothing and allocates little.
import { convertFault, mismatchFault, type Place, placeIn, strictPath } from './decode-fault.ts'
import {
  base64Fault,
  decodeMicroTime,
  decodeQuantity,
  decodeTime,
  ScalarFault,
} from './decode-scalar.ts'
import { jsonTypeName } from './go-text.ts'
import { isObject, type JsonObject, type MutableObject, setField } from './json-object.ts'
import type { FieldSchema, TypeSchema } from './schema-catalog.ts'

/** How faults are worded: as Go's JSON decoder, or as the converter of strategic merge patches. */
export type DecodeStyle = 'json' | 'unstructured'

export interface DecodeOutcome {
  readonly value: JsonObject
  /** Paths of the fields that the type does not have. */
  readonly unknownFields: readonly string[]
  /** The first value of a wrong type; decoding has failed then. */
  readonly fault: string | undefined
}

const maxReported = 100
const empty: JsonObject = {}

/**
 * Decodes an object of a type. `known` is an object that was decoded before: what is shared with it, as
 * after a patch, is not looked at again.
 */
export function decodeStructured(
  value: JsonObject,
  type: TypeSchema,
  { known, style = 'json' }: { readonly known?: JsonObject; readonly style?: DecodeStyle } = {},
): DecodeOutcome {
  const decoder = new Decoder(style)
  const root = { parent: undefined, text: '', names: '', struct: type.goName }
  try {
    const result = decoder.struct(value, type, { place: root, known })
    return { value: result, unknownFields: decoder.unknownFields, fault: decoder.fault }
  } catch (error) {
    if (!(error instanceof ScalarFault)) throw error
    return { value, unknownFields: [], fault: error.message }
  }
}

interface At {
  readonly place: Place
  readonly known: unknown
}

class Decoder {
  readonly unknownFields: string[] = []
  fault: string | undefined
  readonly #style: DecodeStyle

  constructor(style: DecodeStyle) {
    this.#style = style
  }

  struct(value: JsonObject, type: TypeSchema, { place, known }: At): JsonObject {
    if (value === known) return value
    const earlier = isObject(known) ? known : empty
    const names = Object.keys(value)
    let copy: MutableObject | undefined
    for (let index = 0; index < names.length; index++) {
      const name = names[index] ?? ''
      const raw = value[name]
      const field = type.fields.get(name)
      const next = field
        ? this.#field(raw, name, { field, place, known: earlier[name] })
        : undefined
      if (!field) this.#unknown(place, name)
      if (next !== raw) copy ??= firstOf(value, names, index)
      if (copy && next !== undefined) copy[name] = next
    }
    return copy ?? value
  }

  /** Undefined when nothing is to be stored. */
  #field(
    raw: unknown,
    name: string,
    { field, place, known }: { readonly field: FieldSchema } & At,
  ): unknown {
    if (raw === null) return undefined
    const value =
      raw === known || isConforming(raw, field)
        ? raw
        : this.#value(raw, field, { place: placeIn(place, name, field), known })
    return field.presence === 'omitEmpty' && isEmptyValue(value) ? undefined : value
  }

  #value(raw: unknown, field: FieldSchema, at: At): unknown {
    if (isConforming(raw, field)) return raw
    if (raw === null) return zeroOf(field)
    switch (field.kind) {
      case 'struct':
        if (isObject(raw) && field.type) {
          const place = { ...at.place, struct: field.type.goName }
          return this.struct(raw, field.type, { place, known: at.known })
        }
        return this.#mismatch(raw, field, at)
      case 'list':
        return Array.isArray(raw) ? this.#list(raw, field, at) : this.#mismatch(raw, field, at)
      case 'map':
        return isObject(raw) ? this.#map(raw, field, at) : this.#mismatch(raw, field, at)
      case 'bytes':
        return typeof raw === 'string' ? this.#bytes(raw) : this.#mismatch(raw, field, at)
      case 'quantity':
        return decodeQuantity(raw)
      case 'time':
      case 'microTime':
        return this.#time(raw, field, at)
      case 'int32':
        if (this.#style === 'unstructured' && Number.isInteger(raw)) return Number(raw) | 0
        return this.#mismatch(raw, field, at)
      case 'intOrString':
        return this.#intOrString(raw, field, at)
      default:
        return this.#mismatch(raw, field, at)
    }
  }

  #list(raw: readonly unknown[], field: FieldSchema, { place, known }: At): readonly unknown[] {
    const element = field.element
    if (!element || raw === known) return raw
    const earlier = Array.isArray(known) ? (known as readonly unknown[]) : []
    let copy: unknown[] | undefined
    for (let index = 0; index < raw.length; index++) {
      const value = raw[index]
      if (value === earlier[index] && value !== null) {
        copy?.push(value)
        continue
      }
      const below = { parent: place, text: `[${index}]`, names: '', struct: place.struct }
      const next = this.#value(value, element, { place: below, known: earlier[index] })
      if (next !== value) copy ??= raw.slice(0, index)
      copy?.push(next)
    }
    return copy ?? raw
  }

  #map(raw: JsonObject, field: FieldSchema, { place, known }: At): JsonObject {
    const element = field.element
    if (!element || raw === known) return raw
    const names = Object.keys(raw)
    let copy: MutableObject | undefined
    for (let index = 0; index < names.length; index++) {
      const name = names[index] ?? ''
      const value = raw[name]
      if (!copy && isConforming(value, element)) continue
      const below = { parent: place, text: `.${name}`, names: '', struct: place.struct }
      const next = this.#value(value, element, { place: below, known: undefined })
      if (next !== value) copy ??= firstOf(raw, names, index)
      if (copy) setField(copy, name, next)
    }
    return copy ?? raw
  }

  #time(raw: unknown, field: FieldSchema, at: At): unknown {
    try {
      return field.kind === 'time' ? decodeTime(raw) : decodeMicroTime(raw)
    } catch (error) {
      if (!(error instanceof ScalarFault) || !error.mismatch || this.#style !== 'json') throw error
      const { value, goType } = error.mismatch
      throw new ScalarFault(mismatchFault(value, goType, at.place))
    }
  }

  #intOrString(raw: unknown, field: FieldSchema, at: At): unknown {
    if (this.#style === 'json') {
      return this.#mismatch(raw, { ...field, kind: 'int32', goType: 'int32' }, at)
    }
    const what = typeof raw === 'number' ? `number ${raw}` : jsonTypeName(raw)
    throw new ScalarFault(`json: cannot unmarshal ${what} into Go value of type int32`)
  }

  /** Base64 goes on to be decoded whatever follows; line breaks in it are dropped as Go does. */
  #bytes(raw: string): string {
    const fault = base64Fault(raw)
    if (fault) this.fault ??= fault.message
    return raw.replaceAll(/[\r\n]/g, '')
  }

  #mismatch(raw: unknown, field: FieldSchema, { place }: At): unknown {
    if (this.#style === 'unstructured') throw new ScalarFault(convertFault(raw, field))
    const isWholeWanted = field.kind === 'int32' || field.kind === 'int64'
    const what = typeof raw === 'number' && isWholeWanted ? `number ${raw}` : jsonTypeName(raw)
    this.fault ??= mismatchFault(what, field.goType, place)
    return raw
  }

  #unknown(place: Place, name: string): void {
    if (this.unknownFields.length >= maxReported) return
    const above = strictPath(place)
    this.unknownFields.push(above === '' ? name : `${above}.${name}`)
  }
}

/** Whether a value can stay as it is; answers no for some that could, cheaply. */
function isConforming(value: unknown, field: FieldSchema): boolean {
  switch (field.kind) {
    case 'string':
    case 'duration':
      return typeof value === 'string'
    case 'boolean':
      return typeof value === 'boolean'
    case 'int32':
      return typeof value === 'number' && (value | 0) === value
    case 'int64':
      return Number.isInteger(value) && Math.abs(value as number) < 2 ** 63
    case 'double':
      return typeof value === 'number'
    case 'intOrString':
      return typeof value === 'string' || (typeof value === 'number' && (value | 0) === value)
    case 'any':
      return true
    default:
      return false
  }
}

function isEmptyValue(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) {
    if (Array.isArray(value)) return value.length === 0
    for (const name in value) if (Object.hasOwn(value, name)) return false
    return true
  }
  return value === '' || value === 0 || value === false
}

/** What Go has where null was given: in lists and maps, which keep their elements. */
function zeroOf(field: FieldSchema): unknown {
  switch (field.kind) {
    case 'string':
    case 'duration':
      return ''
    case 'boolean':
      return false
    case 'double':
    case 'int32':
    case 'int64':
    case 'intOrString':
      return 0
    case 'quantity':
      return '0'
    case 'struct':
      return {}
    default:
      return null
  }
}

/** A copy of the fields that come before one, which is where two objects begin to differ. */
function firstOf(value: JsonObject, names: readonly string[], count: number): MutableObject {
  const copy: MutableObject = {}
  for (const name of names.slice(0, count)) setField(copy, name, value[name])
  return copy
}
