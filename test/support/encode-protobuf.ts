// SPDX-License-Identifier: Apache-2.0
// Objects as Go clients send them in protobuf; the way back from the decoder under test.
import {
  findMessage,
  type MessageField,
  type ValueShape,
} from '../../src/control-plane/protobuf/message-catalog.ts'

type Fields = Readonly<Record<string, unknown>>

/** A request's body: the envelope with the object's message in it. `name` is that of its type. */
export function encodeProtobuf(object: Fields, name: string): Buffer {
  const identity = Buffer.concat([
    piece(1, Buffer.from(String(object['apiVersion']))),
    piece(2, Buffer.from(String(object['kind']))),
  ])
  const raw = encodeMessage(object, name)
  return Buffer.concat([Buffer.from('k8s\0'), piece(1, identity), piece(2, raw)])
}

/** A number of any sign, as it stands on the wire. */
export function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  return Buffer.from([...bytes, Number(rest)])
}

/** A field with bytes: its tag, length and content. */
export function piece(number: number, content: Buffer): Buffer {
  return Buffer.concat([varint(number * 8 + 2), varint(content.length), content])
}

function encodeMessage(object: Fields, name: string): Buffer {
  const fields = [...(findMessage(name) ?? [])]
  return Buffer.concat(fields.map(([number, field]) => encodeField(number, field, object)))
}

function encodeField(number: number, field: MessageField, object: Fields): Buffer {
  const { shape, repetition } = field
  if (repetition === 'inline') return piece(number, encodeMessage(object, shape.message))
  const value = object[field.name]
  if (value === undefined || value === null) return Buffer.alloc(0)
  const one = (item: unknown): Buffer => encodeTagged(number, shape, item)
  if (repetition === 'list') return Buffer.concat((value as unknown[]).map(one))
  if (repetition === 'single') return one(value)
  const entries = Object.entries(value as Fields).map(([key, item]) =>
    piece(number, Buffer.concat([piece(1, Buffer.from(key)), encodeTagged(2, shape, item)])),
  )
  return Buffer.concat(entries)
}

function encodeTagged(number: number, shape: ValueShape, value: unknown): Buffer {
  const { type } = shape
  const isNumeric = type === 'boolean' || type === 'int32' || type === 'int64'
  if (isNumeric) return wholeNumber(number, Number(value))
  return piece(number, encodeValue(shape, value))
}

function wholeNumber(number: number, value: number): Buffer {
  return Buffer.concat([varint(number * 8), varint(value)])
}

function encodeValue({ type, message, element }: ValueShape, value: unknown): Buffer {
  switch (type) {
    case 'string':
      return Buffer.from(String(value))
    case 'bytes':
      return Buffer.from(String(value), 'base64')
    case 'quantity':
      return piece(1, Buffer.from(String(value)))
    case 'time':
    case 'microTime':
      return encodeTime(String(value))
    case 'json':
      return piece(1, Buffer.from(JSON.stringify(value)))
    case 'intOrString':
      return typeof value === 'number'
        ? Buffer.concat([wholeNumber(1, 0), wholeNumber(2, value)])
        : Buffer.concat([wholeNumber(1, 1), piece(3, Buffer.from(String(value)))])
    case 'wrappedList':
      return Buffer.concat(
        (value as unknown[]).map((item) =>
          element ? encodeTagged(1, element, item) : Buffer.alloc(0),
        ),
      )
    default:
      return encodeMessage(value as Fields, message)
  }
}

function encodeTime(text: string): Buffer {
  const micros = Number(/\.(\d{6})Z$/.exec(text)?.[1] ?? 0)
  const seconds = Math.floor(Date.parse(text) / 1000)
  return Buffer.concat([wholeNumber(1, seconds), wholeNumber(2, micros * 1000)])
}
