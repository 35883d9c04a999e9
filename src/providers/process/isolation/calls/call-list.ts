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
  readonly index: number
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
    for (const call of this.#calls) addCall(image, call)
    const textPlaces: number[] = []
    for (const call of this.#calls) {
      for (const [index, argument] of call.args.entries()) {
        const place = placeIn(call, 1 + index)
        if (isCall(argument)) {
          image.setWord(placeIn(argument, resultField), listAddress + place)
        } else if (argument === textStart) textPlaces.push(place)
        else image.setWord(place, image.valueOf(argument))
      }
    }
    for (const place of textPlaces) image.setWord(place, image.size)
    return image.build(text)
  }

  #push(number: number, args: readonly Argument[], options: CallOptions): Call {
    const { complaint = 'failed', whenNegative, whenPositive } = options
    const index = this.#calls.length
    const call = { index, number, args, complaint, whenNegative, whenPositive }
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

function addCall(image: Image, call: Call): void {
  image.setWord(placeIn(call, 0), call.number)
  image.setWord(placeIn(call, resultField), wasteAddress)
  image.setWord(placeIn(call, positiveField), addressOf(call.whenPositive, call))
  image.setWord(placeIn(call, negativeField), addressOf(call.whenNegative, call))
  if (call.whenNegative !== undefined) return
  image.setWord(placeIn(call, complaintField), image.complaint(call.complaint))
}

function placeIn({ index }: Pick<Call, 'index'>, field: number): number {
  return headBytes + index * callBytes + field * 8
}

function isCall(argument: Argument): argument is Call {
  return typeof argument === 'object' && 'args' in argument
}

function addressOf(label: Label | 'next' | undefined, { index }: Call): number {
  if (label === undefined) return 0
  if (label === 'next') return listAddress + placeIn({ index: index + 1 }, 0)
  if (label.index === undefined) throw new Error('a label of a list was never placed')
  return listAddress + placeIn({ index: label.index }, 0)
}

/** The bytes of a list: words that are set, and behind them what was added. */
class Image {
  #bytes: Buffer<ArrayBuffer>
  #words: Int32Array
  /** Where a text, or an object, is. */
  readonly #known = new Map<string | Uint8Array, number>()
  readonly #complaints = new Map<string, number>()
  #end: number

  constructor(wordBytes: number) {
    this.#bytes = Buffer.from(new ArrayBuffer(2 * wordBytes))
    this.#words = new Int32Array(this.#bytes.buffer)
    this.#end = wordBytes
  }

  /** A number of 32 bits, which keeps its sign. Both processors have the lower half first. */
  setWord(at: number, value: number): void {
    this.#words[at / 4] = value
    this.#words[at / 4 + 1] = value < 0 ? -1 : 0
  }

  valueOf(argument: Value): number {
    if (typeof argument === 'number') return argument
    if (typeof argument === 'string') return this.#text(argument)
    if (argument instanceof Uint8Array) return this.#copy(argument)
    if ('words' in argument) return this.#array(argument.words)
    const program = Buffer.alloc(16)
    program.writeUInt16LE(argument.filter.length / 8, 0)
    program.writeUInt32LE(this.#copy(argument.filter), 8)
    return this.#copy(program)
  }

  /** Its length, then the text, in which the program puts the number. */
  complaint(text: string): number {
    const known = this.#complaints.get(text)
    if (known !== undefined) return known
    const whole = `${text}: error 000\n`
    const at = this.#room(8 + Buffer.byteLength(whole))
    this.setWord(at, this.#bytes.write(whole, at + 8))
    this.#complaints.set(text, listAddress + at)
    return listAddress + at
  }

  get size(): number {
    return this.#end
  }

  build(text: string): Buffer {
    this.#bytes.write(magic, 0, 'latin1')
    this.#bytes.writeUInt32LE(this.size, textOffsetAt)
    this.#bytes.write(callerName, nameAt, 'latin1')
    const file = Buffer.concat([this.#bytes.subarray(0, this.size), Buffer.from(text)])
    if (file.length > maxListBytes) throw new VkError('Invalid', 'there is too much to hand on')
    return file
  }

  #array(words: readonly string[]): number {
    const addresses = words.map((word) => this.#text(word))
    const at = this.#room((words.length + 1) * 8)
    for (const [index, address] of addresses.entries()) this.setWord(at + index * 8, address)
    return listAddress + at
  }

  #text(text: string): number {
    const known = this.#known.get(text)
    if (known !== undefined) return known
    if (text.includes('\0')) {
      throw new VkError('Invalid', 'a word of the container holds a character that no word can')
    }
    const at = this.#room(Buffer.byteLength(text) + 1)
    this.#bytes.write(text, at)
    this.#known.set(text, listAddress + at)
    return listAddress + at
  }

  /** The same object is there once. */
  #copy(bytes: Uint8Array): number {
    const known = this.#known.get(bytes)
    if (known !== undefined) return known
    const at = this.#room(bytes.length)
    this.#bytes.set(bytes, at)
    this.#known.set(bytes, listAddress + at)
    return listAddress + at
  }

  /** A multiple of 8, from which there are so many zeros. */
  #room(bytes: number): number {
    const at = this.#end
    this.#end += Math.ceil(bytes / 8) * 8
    if (this.#end <= this.#bytes.length) return at
    const more = Buffer.from(new ArrayBuffer(2 * this.#end))
    more.set(this.#bytes)
    this.#bytes = more
    this.#words = new Int32Array(more.buffer)
    return at
  }
}
