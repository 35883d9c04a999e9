// SPDX-License-Identifier: Apache-2.0
// The document of dialect 2 in protobuf (gnostic's openapi.v2.Document), the only notation in which
// kubectl asks for it. Its types go in whole; paths are left out, for what kubectl would read in them it
// reads in dialect 3.
import { isObject, type JsonObject } from '../json-object.ts'

/** What clients name in `Accept`. */
export const openApiProtobufType = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'

/** Encodes a document of dialect 2. */
export function encodeOpenApiV2(document: JsonObject): Buffer {
  const info = object(document['info'])
  const definitions = Object.entries(object(document['definitions']))
  return Buffer.concat([
    text(1, document['swagger']),
    message(2, [text(1, info['title']), text(2, info['version'])]),
    message(8, []),
    message(9, definitions.map(namedSchema)),
  ])
}

function namedSchema([name, schema]: readonly [string, unknown]): Buffer {
  return message(1, [text(1, name), message(2, schemaParts(object(schema)))])
}

function schemaParts(schema: JsonObject): readonly Buffer[] {
  const { items, additionalProperties, properties, required, type } = schema
  const names = Array.isArray(required) ? required : []
  const values = Array.isArray(schema['enum']) ? schema['enum'] : []
  const extensions = Object.entries(schema).filter(([name]) => name.startsWith('x-'))
  return [
    text(1, schema['$ref']),
    text(2, schema['format']),
    text(4, schema['description']),
    ...names.map((name) => text(19, name)),
    ...values.map((value) => message(20, anyParts(value))),
    ...(isObject(additionalProperties)
      ? [message(21, [message(1, schemaParts(additionalProperties))])]
      : []),
    ...(typeof type === 'string' ? [message(22, [text(1, type)])] : []),
    ...(isObject(items) ? [message(23, [message(1, schemaParts(items))])] : []),
    ...(isObject(properties) ? [message(25, Object.entries(properties).map(namedSchema))] : []),
    ...extensions.map(([name, value]) => message(31, [text(1, name), message(2, anyParts(value))])),
  ]
}

/** Values of any kind travel as YAML, which JSON is. */
function anyParts(value: unknown): readonly Buffer[] {
  return [text(2, JSON.stringify(value))]
}

function object(value: unknown): JsonObject {
  return isObject(value) ? value : {}
}

const lengthDelimited = 2

function message(field: number, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([varint(field * 8 + lengthDelimited), varint(body.length), body])
}

function text(field: number, value: unknown): Buffer {
  return typeof value === 'string' ? message(field, [Buffer.from(value)]) : Buffer.alloc(0)
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  while (rest > 127) {
    bytes.push((rest % 128) + 128)
    rest = Math.floor(rest / 128)
  }
  return Buffer.from([...bytes, rest])
}
