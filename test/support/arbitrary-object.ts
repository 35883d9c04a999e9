// SPDX-License-Identifier: Apache-2.0
// Random objects that conform to a type, for property tests of whatever walks objects by their schema.
import * as fc from 'fast-check'
import type { JsonObject } from '../../src/control-plane/schema/json-object.ts'
import type { FieldSchema, TypeSchema } from '../../src/control-plane/schema/schema-catalog.ts'

const maxDepth = 5

/** Few of its fields are present; lists with keys have no two elements of one key. */
export function arbitraryStruct(type: TypeSchema, depth = 0): fc.Arbitrary<JsonObject> {
  const fields = [...type.fields].filter(([, field]) => depth < maxDepth || isScalar(field))
  const keep = depth < 2 ? 1 : 4
  const optional = Object.fromEntries(
    fields.map(([name, field]) => {
      const value = arbitraryField(field, depth + 1)
      const isLikely = depth < 2 && field.kind === 'struct'
      const chance = isLikely ? value : fc.option(value, { nil: undefined, freq: keep })
      return [name, chance]
    }),
  )
  return fc.record(optional).map(asJson)
}

/** As a request brings it: plain objects, nothing undefined. */
function asJson(object: Record<string, unknown>): JsonObject {
  return JSON.parse(JSON.stringify(object)) as JsonObject
}

function isScalar(field: FieldSchema): boolean {
  return field.kind !== 'list' && field.kind !== 'map' && field.kind !== 'struct'
}

const words = fc.constantFrom('a', 'b', 'c', 'd')

function arbitraryField(field: FieldSchema, depth: number): fc.Arbitrary<unknown> {
  switch (field.kind) {
    case 'string':
      return words
    case 'boolean':
      return fc.boolean()
    case 'int32':
    case 'int64':
    case 'double':
      return fc.integer({ min: 0, max: 9 })
    case 'intOrString':
      return fc.oneof(fc.integer({ min: 0, max: 9 }), words)
    case 'quantity':
      return fc.constantFrom('1', '500m', '1Gi', 2, '1024Mi')
    case 'time':
      return fc.constantFrom('2026-01-02T03:04:05Z', '2026-01-02T05:04:05+02:00')
    case 'microTime':
      return fc.constant('2026-01-02T03:04:05.000006Z')
    case 'bytes':
      return fc.constantFrom('YWJj', '')
    case 'duration':
      return fc.constant('10s')
    case 'any':
      return fc.constant({ a: 1 })
    case 'map':
      return fc.dictionary(
        words,
        field.element ? arbitraryField(field.element, depth) : fc.string(),
      )
    case 'list':
      return arbitraryList(field, depth)
    case 'struct':
      return field.type ? arbitraryStruct(field.type, depth) : fc.constant({})
    default:
      return fc.constant(null)
  }
}

function arbitraryList(field: FieldSchema, depth: number): fc.Arbitrary<unknown> {
  const element = field.element ? arbitraryField(field.element, depth) : fc.string()
  const isKeyed = field.mergeKey !== undefined || field.listType === 'map'
  const keys = new Set([
    ...field.listMapKeys,
    ...(field.mergeKey === undefined ? [] : [field.mergeKey]),
  ])
  if (isKeyed && field.element?.type) {
    const list = fc.uniqueArray(words, { maxLength: 3 })
    const keyFields = [...keys]
    return list.chain((names) =>
      fc.tuple(
        ...names.map((name) => element.map((one) => withKeys(one, { name, keyFields, field }))),
      ),
    )
  }
  return field.isMerged || field.listType === 'set'
    ? fc.uniqueArray(element, { maxLength: 3 })
    : fc.array(element, { maxLength: 3 })
}

interface Keys {
  readonly name: string
  readonly keyFields: readonly string[]
  readonly field: FieldSchema
}

function withKeys(element: unknown, { name, keyFields, field }: Keys): JsonObject {
  const keys = keyFields.map((key) => {
    const isNumber = field.element?.type?.fields.get(key)?.kind.startsWith('int') ?? false
    return [key, isNumber ? name.charCodeAt(0) : name]
  })
  return { ...(element as JsonObject), ...Object.fromEntries(keys) }
}
