// SPDX-License-Identifier: Apache-2.0
// How the fields of each message are numbered on the wire and named in JSON, from messages.gen.ts. A
// message is decoded from its code when it is first asked for.
import { messageSource } from './messages.gen.ts'

export type WireType =
  | 'boolean'
  | 'bytes'
  | 'int32'
  | 'int64'
  | 'intOrString'
  | 'json'
  | 'message'
  | 'microTime'
  | 'quantity'
  | 'string'
  | 'time'
  /** A list that has a message of its own around it. */
  | 'wrappedList'

export interface ValueShape {
  readonly type: WireType
  /** Of `message`, by its name such as `core.v1.PodSpec`. */
  readonly message: string
  /** Of `wrappedList`. */
  readonly element: ValueShape | undefined
}

export interface MessageField {
  /** Name in JSON; empty for a message whose fields JSON has in the message around it. */
  readonly name: string
  readonly shape: ValueShape
  readonly repetition: 'single' | 'list' | 'map' | 'inline'
  /** What JSON does with an empty value, as in the schemas. */
  readonly presence: 'always' | 'kept' | 'omitEmpty'
}

/** The fields of a message by their number. */
export type Message = ReadonlyMap<number, MessageField>

const types: Readonly<Record<string, WireType>> = {
  b: 'boolean',
  i: 'int32',
  l: 'int64',
  o: 'json',
  q: 'quantity',
  s: 'string',
  t: 'time',
  u: 'microTime',
  x: 'intOrString',
  y: 'bytes',
}

let sources: ReadonlyMap<string, string> | undefined
const decoded = new Map<string, Message>()

/** Names of all messages that are known. */
export function messageNames(): readonly string[] {
  return [...readSources().keys()]
}

/** A message by its name, such as `core.v1.PodSpec`. */
export function findMessage(name: string): Message | undefined {
  let message = decoded.get(name)
  if (message) return message
  const source = readSources().get(name)
  if (source === undefined) return undefined
  const fields = source === '' ? [] : source.split(',').map(decodeField)
  decoded.set(name, (message = new Map(fields)))
  return message
}

function readSources(): ReadonlyMap<string, string> {
  sources ??= new Map(Object.entries(JSON.parse(messageSource) as Readonly<Record<string, string>>))
  return sources
}

/** Of `2:spec:@core.v1.PodSpec!`. */
function decodeField(source: string): readonly [number, MessageField] {
  const [number, name = '', code = ''] = source.split(':')
  const presence = code.endsWith('!') ? 'always' : code.endsWith('*') ? 'kept' : 'omitEmpty'
  const bare = presence === 'omitEmpty' ? code : code.slice(0, -1)
  const repetition = repetitionOf(bare)
  const shape = shapeOf(repetition === 'list' || repetition === 'map' ? bare.slice(2) : bare)
  return [Number(number), { name, shape, repetition, presence }]
}

function repetitionOf(code: string): MessageField['repetition'] {
  if (code.startsWith('+')) return 'inline'
  if (code.startsWith('[]')) return 'list'
  return code.startsWith('{}') ? 'map' : 'single'
}

function shapeOf(code: string): ValueShape {
  if (code.startsWith('w[]')) {
    return { type: 'wrappedList', message: '', element: shapeOf(code.slice(3)) }
  }
  const type = types[code]
  if (type) return { type, message: '', element: undefined }
  return { type: 'message', message: code.slice(1), element: undefined }
}
