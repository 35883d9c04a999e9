// SPDX-License-Identifier: Apache-2.0
// Reads JSON text once more where JSON.parse is not enough: it names what is wrong with it in Go's
// words, and tells of every key where it stands, so that keys that come twice can be reported.
// `mayHaveDuplicates` says cheaply that this is not needed.

/** The text is no JSON; the message is that of Go's decoder. */
export class JsonSyntaxError extends Error {}

/** The value is nested more deeply than anything that the API knows. */
export class TooDeepError extends Error {}

// Go's limit is 10,000; this one leaves room on the stack.
const maxDepth = 1000

export interface KeyVisit {
  /** Such as `spec.containers[0].name`. */
  readonly path: string
  readonly isRepeated: boolean
}

/**
 * Calls for each key in the order of the text; where the answer is false, the value's own keys are
 * not told of. Throws `JsonSyntaxError`.
 */
export function scanJson(text: string, onKey: (key: KeyVisit) => boolean = () => true): void {
  new Scanner(text, onKey).run()
}

/**
 * Whether the text has more keys than the value that was read from it. Throws `TooDeepError`, so that
 * whoever walks the value later may recurse.
 */
export function mayHaveDuplicates(text: string, value: unknown): boolean {
  return countKeysInText(text) !== countKeys(value, 0)
}

function countKeysInText(text: string): number {
  let count = 0
  let start = text.indexOf('"')
  while (start !== -1) {
    let end = text.indexOf('"', start + 1)
    while (end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1)
    if (end === -1) break
    let next = end + 1
    while (isSpace(text.charCodeAt(next))) next++
    if (text.charCodeAt(next) === 58) count++
    start = text.indexOf('"', next)
  }
  return count
}

function isEscaped(text: string, quote: number): boolean {
  let backslashes = 0
  while (text.charCodeAt(quote - 1 - backslashes) === 92) backslashes++
  return backslashes % 2 === 1
}

function isSpace(code: number): boolean {
  return code === 32 || code === 10 || code === 13 || code === 9
}

function countKeys(value: unknown, depth: number): number {
  if (typeof value !== 'object' || value === null) return 0
  if (depth > maxDepth) throw new TooDeepError('exceeded max depth')
  let count = 0
  if (Array.isArray(value)) {
    for (const element of value) count += countKeys(element, depth + 1)
    return count
  }
  const keys = Object.keys(value)
  for (const key of keys) count += countKeys((value as Record<string, unknown>)[key], depth + 1)
  return count + keys.length
}

class Scanner {
  readonly #text: string
  readonly #onKey: (key: KeyVisit) => boolean
  #at = 0
  #depth = 0

  constructor(text: string, onKey: (key: KeyVisit) => boolean) {
    this.#text = text
    this.#onKey = onKey
  }

  run(): void {
    this.#value('', true)
    this.#skipSpace()
    if (this.#at < this.#text.length) this.#fail('after top-level value')
  }

  #value(path: string, isTold: boolean): void {
    this.#skipSpace()
    const char = this.#text[this.#at]
    if (char === '{') this.#nested(() => this.#object(path, isTold))
    else if (char === '[') this.#nested(() => this.#list(path, isTold))
    else if (char === '"') this.#string()
    else if (char === 't') this.#literal('true')
    else if (char === 'f') this.#literal('false')
    else if (char === 'n') this.#literal('null')
    else if (char === '-' || (char !== undefined && /\d/.test(char))) this.#number()
    else this.#fail('looking for beginning of value')
  }

  #nested(read: () => void): void {
    if (++this.#depth > maxDepth) throw new JsonSyntaxError('exceeded max depth')
    this.#at++
    read()
    this.#depth--
  }

  #object(path: string, isTold: boolean): void {
    const seen = new Set<string>()
    this.#skipSpace()
    if (this.#take('}')) return
    for (;;) {
      this.#skipSpace()
      if (this.#text[this.#at] !== '"') this.#fail('looking for beginning of object key string')
      const key = this.#string()
      const keyPath = path === '' ? key : `${path}.${key}`
      const isRepeated = seen.has(key)
      seen.add(key)
      const isValueTold = isTold && this.#onKey({ path: keyPath, isRepeated })
      this.#skipSpace()
      if (!this.#take(':')) this.#fail('after object key')
      this.#value(keyPath, isValueTold)
      this.#skipSpace()
      if (this.#take('}')) return
      if (!this.#take(',')) this.#fail('after object key:value pair')
    }
  }

  #list(path: string, isTold: boolean): void {
    this.#skipSpace()
    if (this.#take(']')) return
    for (let index = 0; ; index++) {
      this.#value(`${path}[${index}]`, isTold)
      this.#skipSpace()
      if (this.#take(']')) return
      if (!this.#take(',')) this.#fail('after array element')
    }
  }

  #string(): string {
    const start = this.#at++
    for (;;) {
      const char = this.#text[this.#at]
      if (char === undefined || char < ' ') this.#fail('in string literal')
      this.#at++
      if (char === '"') break
      if (char === '\\') this.#escape()
    }
    return JSON.parse(this.#text.slice(start, this.#at)) as string
  }

  #escape(): void {
    const char = this.#text[this.#at]
    if (char === undefined || !'"\\/bfnrtu'.includes(char)) this.#fail('in string escape code')
    this.#at++
    if (char !== 'u') return
    for (let digit = 0; digit < 4; digit++) {
      if (!/[0-9a-fA-F]/.test(this.#text[this.#at] ?? '')) {
        this.#fail('in \\u hexadecimal character escape')
      }
      this.#at++
    }
  }

  #literal(word: string): void {
    for (let index = 0; index < word.length; index++) {
      const expected = word[index]
      if (this.#text[this.#at] !== expected) {
        if (index === 0) this.#fail('looking for beginning of value')
        this.#fail(`in literal ${word} (expecting '${expected}')`)
      }
      this.#at++
    }
  }

  #number(): void {
    this.#take('-')
    if (!this.#take('0')) this.#digits('in numeric literal')
    if (this.#take('.')) this.#digits('after decimal point in numeric literal')
    if (this.#take('e') || this.#take('E')) {
      if (!this.#take('+')) this.#take('-')
      this.#digits('in exponent of numeric literal')
    }
  }

  #digits(where: string): void {
    if (!/\d/.test(this.#text[this.#at] ?? '')) this.#fail(where)
    while (/\d/.test(this.#text[this.#at] ?? '')) this.#at++
  }

  #skipSpace(): void {
    while (isSpace(this.#text.charCodeAt(this.#at))) this.#at++
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false
    this.#at++
    return true
  }

  #fail(where: string): never {
    const char = this.#text[this.#at]
    if (char === undefined) throw new JsonSyntaxError('unexpected end of JSON input')
    throw new JsonSyntaxError(`invalid character ${quotedChar(char)} ${where}`)
  }
}

/** As Go quotes a character: `'a'`, `'\n'`, `'\x00'`, `'"'`, `'\''`. */
function quotedChar(char: string): string {
  if (char === "'") return String.raw`'\''`
  if (char === '"') return `'"'`
  if (char < ' ' && !'\b\f\n\r\t'.includes(char)) {
    return `'\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}'`
  }
  return `'${JSON.stringify(char).slice(1, -1)}'`
}
