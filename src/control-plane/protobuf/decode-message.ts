// SPDX-License-Identifier: Apache-2.0
// Bytes of a message -> the object that JSON has for it. What JSON leaves out when it is empty is left
// out; fields that are unknown are passed over, as newer clients may know more. Depth and number of
// values are bounded, whatever the bytes claim.
import { findMessage, type Message, type MessageField, type ValueShape } from './message-catalog.ts'
import {
  decodeIntOrString,
  decodeJsonMessage,
  decodeMicroTimeMessage,
  decodeQuantityMessage,
  decodeTimeMessage,
} from './special-values.ts'
import { WireFault, WireReader, type WireTag, wireTypes } from './wire-reader.ts'

const maxDepth = 100
// More than the largest object that can be stored has; an empty message takes two bytes, its object many.
const maxValues = 500_000

/** Throws `WireFault` for what is no such message. */
export function decodeMessage(bytes: Buffer, name: string): Readonly<Record<string, unknown>> {
  return Object.fromEntries(new Decoder().message(bytes, name, 0))
}

/** What has been read of a message: pieces of one field are put together when all are there. */
interface Gathered {
  readonly values: Map<MessageField, unknown>
  readonly pieces: Map<MessageField, Buffer[]>
}

class Decoder {
  #valuesLeft = maxValues

  /** Entries of the object, so that no name from outside can reach its prototype. */
  message(bytes: Buffer, name: string, depth: number): (readonly [string, unknown])[] {
    if (depth > maxDepth) throw new WireFault('exceeded max depth')
    const message = findMessage(name)
    if (!message) throw new WireFault(`the message ${name} is unknown`)
    const reader = new WireReader(bytes)
    const { values, pieces } = this.#gather(reader, { message, name, depth })
    const entries: (readonly [string, unknown])[] = []
    for (const field of message.values()) {
      const piece = pieces.get(field)
      const whole = piece && (piece.length === 1 ? piece[0] : Buffer.concat(piece))
      if (field.repetition === 'inline') {
        if (whole) entries.push(...this.message(whole, field.shape.message, depth + 1))
        continue
      }
      const value = whole ? this.#value(whole, field.shape, depth) : finished(values.get(field))
      if (isShown(value, field)) entries.push([field.name, value])
    }
    return entries
  }

  #gather(reader: WireReader, { message, name, depth }: Gathering): Gathered {
    const gathered: Gathered = { values: new Map(), pieces: new Map() }
    const goName = name.slice(name.lastIndexOf('.') + 1)
    while (!reader.isAtEnd) {
      const tag = reader.tag(goName)
      const field = message.get(tag.number)
      if (!field) {
        reader.skip(tag)
        continue
      }
      this.#count()
      this.#read(reader, { tag, field, gathered, depth })
    }
    return gathered
  }

  #read(reader: WireReader, { tag, field, gathered, depth }: Reading): void {
    const { values, pieces } = gathered
    switch (field.repetition) {
      case 'list': {
        const list = (values.get(field) as unknown[] | undefined) ?? []
        values.set(field, list)
        this.#readElements(reader, list, { tag, field, gathered, depth })
        return
      }
      case 'map': {
        const map =
          (values.get(field) as Map<string, unknown> | undefined) ?? new Map<string, unknown>()
        values.set(field, map)
        expectWireType(tag, wireTypes.bytes, field)
        const [key, value] = this.#mapEntry(reader.bytes(), field.shape, depth)
        map.set(key, value)
        return
      }
      default:
    }
    if (field.repetition === 'single' && isNumeric(field.shape)) {
      expectWireType(tag, wireTypes.varint, field)
      values.set(field, readNumeric(reader, field.shape))
      return
    }
    expectWireType(tag, wireTypes.bytes, field)
    const piece = reader.bytes()
    // Later texts replace, later parts of a message add to it.
    const isText = field.shape.type === 'string' || field.shape.type === 'bytes'
    const earlier = isText ? undefined : pieces.get(field)
    if (earlier) earlier.push(piece)
    else pieces.set(field, [piece])
  }

  /** One element, or many numbers in one piece. */
  #readElements(reader: WireReader, list: unknown[], { tag, field, depth }: Reading): void {
    const { shape } = field
    if (!isNumeric(shape)) {
      expectWireType(tag, wireTypes.bytes, field)
      list.push(this.#value(reader.bytes(), shape, depth))
      return
    }
    if (tag.wireType === wireTypes.varint) {
      list.push(readNumeric(reader, shape))
      return
    }
    expectWireType(tag, wireTypes.bytes, field)
    const packed = new WireReader(reader.bytes())
    while (!packed.isAtEnd) {
      this.#count()
      list.push(readNumeric(packed, shape))
    }
  }

  #mapEntry(bytes: Buffer, shape: ValueShape, depth: number): readonly [string, unknown] {
    const reader = new WireReader(bytes)
    let key = ''
    let piece: Buffer = Buffer.alloc(0)
    while (!reader.isAtEnd) {
      const tag = reader.tag()
      const isPart = tag.wireType === wireTypes.bytes && tag.number <= 2
      if (!isPart) reader.skip(tag)
      else if (tag.number === 1) key = reader.bytes().toString('utf8')
      else piece = reader.bytes()
    }
    return [key, this.#value(piece, shape, depth)]
  }

  #value(bytes: Buffer, shape: ValueShape, depth: number): unknown {
    switch (shape.type) {
      case 'string':
        return bytes.toString('utf8')
      case 'bytes':
        return bytes.toString('base64')
      case 'time':
        return decodeTimeMessage(bytes)
      case 'microTime':
        return decodeMicroTimeMessage(bytes)
      case 'quantity':
        return decodeQuantityMessage(bytes)
      case 'intOrString':
        return decodeIntOrString(bytes)
      case 'json':
        return decodeJsonMessage(bytes)
      case 'wrappedList':
        return this.#wrappedList(bytes, shape, depth)
      default:
        return Object.fromEntries(this.message(bytes, shape.message, depth + 1))
    }
  }

  #wrappedList(bytes: Buffer, { element }: ValueShape, depth: number): readonly unknown[] {
    const reader = new WireReader(bytes)
    const list: unknown[] = []
    while (!reader.isAtEnd) {
      const tag = reader.tag()
      this.#count()
      if (tag.number !== 1 || tag.wireType !== wireTypes.bytes || !element) reader.skip(tag)
      else list.push(this.#value(reader.bytes(), element, depth))
    }
    return list
  }

  #count(): void {
    this.#valuesLeft -= 1
    if (this.#valuesLeft < 0) throw new WireFault(`more than ${maxValues} values in one object`)
  }
}

interface Gathering {
  readonly message: Message
  readonly name: string
  readonly depth: number
}

interface Reading {
  readonly tag: WireTag
  readonly field: MessageField
  readonly gathered: Gathered
  readonly depth: number
}

function isNumeric({ type }: ValueShape): boolean {
  return type === 'boolean' || type === 'int32' || type === 'int64'
}

function readNumeric(reader: WireReader, { type }: ValueShape): number | boolean {
  if (type === 'boolean') return reader.boolean()
  return type === 'int32' ? reader.int32() : reader.int64()
}

function expectWireType({ wireType }: WireTag, expected: number, { name }: MessageField): void {
  if (wireType === expected) return
  const goName = name === 'metadata' ? 'ObjectMeta' : name.slice(0, 1).toUpperCase() + name.slice(1)
  throw new WireFault(`proto: wrong wireType = ${wireType} for field ${goName}`)
}

/** Maps become objects; what is in them already is JSON. */
function finished(value: unknown): unknown {
  return value instanceof Map ? Object.fromEntries(value) : value
}

function isShown(value: unknown, { presence }: MessageField): boolean {
  if (value === undefined || value === null) return false
  if (presence !== 'omitEmpty') return true
  if (typeof value !== 'object') return value !== '' && value !== 0 && value !== false
  return Array.isArray(value) ? value.length > 0 : Object.keys(value).length > 0
}
