// SPDX-License-Identifier: Apache-2.0
// Makes a list of system calls as caller-file.ts's program reads it: a head, the calls, what their arguments point
// to, and last a text for whatever reads the file after the program. Addresses are known when the list is
// made, for it is mapped at a place of its own.
import { VkError } from '../../../../util/vk-error.ts'
import { numberOf, type FilterArchitecture } from '../seccomp/filter-program.ts'
import { callerName, listAddress, maxListBytes, specialCalls } from './caller-file.ts'

/** A place in a list to go on at. */
export interface Label {
  index: number | undefined
}

/** A call of a list; as an argument of a later one it is its result, and of one at most. */
export interface Call {
  readonly number: number
  readonly args: readonly Argument[]
  readonly complaint: string
  readonly whenNegative: Label | 'next' | undefined
  readonly whenPositive: Label | undefined
}

/**
 * A number, text (the address of its bytes and a zero), bytes (their address), the result of an earlier call, words
 * (the address of an array of texts), a filter (the address of its `struct sock_fprog`), or `textStart`.
 */
export type Argument =
  | number
  | string
  | Uint8Array
  | Call
  | { readonly words: readonly string[] }
  | { readonly filter: Uint8Array }
  | typeof textStart

/** As an argument: where in the file the text begins. */
export const textStart: unique symbol = Symbol('text')

/** How a call is made. */
export interface CallOptions {
  /** What is said when it fails, up to the error's number. */
  readonly complaint?: string
  /** Where the list goes on when it fails; undefined: nowhere. */
  readonly whenNegative?: Label | 'next'
  /** Where it goes on when it answers more than 0; undefined: at the next call. */
  readonly whenPositive?: Label
}

/** What is known before all others are. */
type Value = Exclude<Argument, Call | typeof textStart>

const magic = 'vkcalls\n'
const headBytes = 32
const textOffsetAt = 8
const nameAt = 24
/** For results that nobody wants. */
const wasteAddress = listAddress + 16
const callBytes = 88
const resultField = 7
const positiveField = 8
const negativeField = 9
const complaintField = 10

/** A list of system calls in the making. */
export class CallList {
  readonly #architecture: FilterArchitecture
  readonly #calls: Call[] = []

  constructor(architecture: FilterArchitecture) {
    this.#architecture = architecture
  }

  /** Adds a call; more arguments than are given are 0. */
  add(name: string, args: readonly Argument[], options: CallOptions = {}): Call {
    const number = numberOf(name, this.#architecture)
    if (number === undefined) throw new Error(`there is no system call ${name}`)
    return this.#push(number, args, { complaint: `cannot ${name}`, ...options })
  }

  /** Ends the program by the end of this child. */
  wait(child: Call): void {
    this.#push(specialCalls.wait, [child], {})
  }

  /** Fails unless the text of /proc/<pid>/stat at `buffer`, as long as `length` answered, has this start time. */
  compareStart(
    buffer: Uint8Array,
    { length, startTime, complaint }: { length: Call; startTime: string; complaint: string },
  ): void {
    this.#push(specialCalls.compare, [buffer, length, `${startTime} `], { complaint })
  }

  /** A place that is not known yet; see `place`. */
  label(): Label {
    return { index: undefined }
  }

  /** The next call is what the label stands for. */
  place(label: Label): void {
    label.index = this.#calls.length
  }

  /** The file; `text` begins where `textOffset` says. Throws a VkError for what is too large, or no text. */
  build(text: string): Buffer {
    const image = new Image(headBytes + this.#calls.length * callBytes)
    const positions = new Map(
      this.#calls.map((call, index) => [call, headBytes + index * callBytes]),
    )
    for (const [call, at] of positions) {
      image.setWord(at, call.number)
      image.setWord(at + resultField * 8, wasteAddress)
      image.setWord(at + positiveField * 8, placeOf(call.whenPositive, at))
      image.setWord(at + negativeField * 8, placeOf(call.whenNegative, at))
      if (call.whenNegative === undefined) {
        image.setWord(at + complaintField * 8, image.complaint(call.complaint))
      }
    }
    const textPlaces: number[] = []
    for (const [call, at] of positions) {
      for (const [index, argument] of call.args.entries()) {
        const place = at + (1 + index) * 8
        const source = typeof argument === 'object' && positions.get(argument as Call)
        if (source) image.setWord(source + resultField * 8, listAddress + place)
        else if (argument === textStart) textPlaces.push(place)
        else image.setWord(place, image.valueOf(argument as Value))
      }
    }
    for (const place of textPlaces) image.setWord(place, image.size)
    return image.build(text)
  }

  #push(number: number, args: readonly Argument[], options: CallOptions): Call {
    const { complaint = 'failed', whenNegative, whenPositive } = options
    const call = { number, args, complaint, whenNegative, whenPositive }
    this.#calls.push(call)
    return call
  }
}

/** Where in the file the text of a list begins; undefined: it is no list. */
export function textOffset(file: Buffer): number | undefined {
  if (file.length < headBytes || file.toString('latin1', 0, magic.length) !== magic)
    return undefined
  return Number(file.readBigUInt64LE(textOffsetAt))
}

function placeOf(label: Label | 'next' | undefined, at: number): number {
  if (label === undefined) return 0
  if (label === 'next') return listAddress + at + callBytes
  if (label.index === undefined) throw new Error('a label of a list was never placed')
  return listAddress + headBytes + label.index * callBytes
}

/** The bytes of a list: words that are set, and behind them what was added. */
class Image {
  readonly #words: Buffer
  readonly #chunks: Uint8Array[] = []
  /** Where a text, or an object, is. */
  readonly #known = new Map<string | Uint8Array, number>()
  #end: number

  constructor(wordBytes: number) {
    this.#words = Buffer.alloc(wordBytes)
    this.#end = wordBytes
  }

  /** A number of 32 bits, which keeps its sign. */
  setWord(at: number, value: number): void {
    this.#words.writeInt32LE(value | 0, at)
    if (value < 0) this.#words.writeInt32LE(-1, at + 4)
  }

  valueOf(argument: Value): number {
    if (typeof argument === 'number') return argument
    if (typeof argument === 'string') return this.#text(argument)
    if (argument instanceof Uint8Array) return this.#bytes(argument)
    if ('words' in argument) return this.#wordsOf(argument.words)
    const program = Buffer.alloc(16)
    program.writeUInt16LE(argument.filter.length / 8, 0)
    program.writeUInt32LE(this.#bytes(argument.filter), 8)
    return this.#bytes(program)
  }

  complaint(text: string): number {
    const bytes = Buffer.from(`        ${text}: error 000\n`)
    bytes.writeBigUInt64LE(BigInt(bytes.length - 8), 0)
    return this.#bytes(bytes)
  }

  get size(): number {
    return this.#end
  }

  build(text: string): Buffer {
    this.#words.write(magic, 0, 'latin1')
    this.#words.writeUInt32LE(this.size, textOffsetAt)
    this.#words.write(callerName, nameAt, 'latin1')
    const file = Buffer.concat([this.#words, ...this.#chunks, Buffer.from(text)])
    if (file.length > maxListBytes) throw new VkError('Invalid', 'there is too much to hand on')
    return file
  }

  #wordsOf(words: readonly string[]): number {
    const array = Buffer.alloc((words.length + 1) * 8)
    for (const [index, word] of words.entries()) array.writeUInt32LE(this.#text(word), index * 8)
    return this.#bytes(array)
  }

  #text(text: string): number {
    const known = this.#known.get(text)
    if (known !== undefined) return known
    if (text.includes('\0')) {
      throw new VkError('Invalid', 'a word of the container holds a character that no word can')
    }
    const address = this.#bytes(Buffer.from(`${text}\0`))
    this.#known.set(text, address)
    return address
  }

  /** Their address, a multiple of 8. The same object is there once. */
  #bytes(bytes: Uint8Array): number {
    const known = this.#known.get(bytes)
    if (known !== undefined) return known
    const address = listAddress + this.#end
    const padding = (8 - (bytes.length % 8)) % 8
    this.#chunks.push(bytes)
    if (padding > 0) this.#chunks.push(new Uint8Array(padding))
    this.#end += bytes.length + padding
    this.#known.set(bytes, address)
    return address
  }
}
