// SPDX-License-Identifier: Apache-2.0
// Values that have a notation of their own: quantities, times, base64. Reading one gives the notation
// that the API writes back, which is how stored objects have it. Faults carry the API server's words.
import { format, parseQuantity } from '../../util/quantity.ts'
import { jsonTypeName } from './go-text.ts'
import { wireTime } from '../../util/wire-time.ts'

/** A value that its own type refuses; ends decoding at once. */
export class ScalarFault extends Error {
  /** Set where the message goes on with the field, as in `json: cannot unmarshal X into ... of type T`. */
  readonly mismatch: { readonly value: string; readonly goType: string } | undefined

  constructor(message: string, mismatch?: { readonly value: string; readonly goType: string }) {
    super(message)
    this.mismatch = mismatch
  }
}

const quantityPattern = /^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$/
const maxRemembered = 4096
const canonicalQuantities = new Map<string, string>()

/** `1024Mi` -> `1Gi`, 0.5 -> `500m`. */
export function decodeQuantity(value: unknown): string {
  const text = typeof value === 'string' ? value.trim() : JSON.stringify(value)
  const remembered = canonicalQuantities.get(text)
  if (remembered !== undefined) return remembered
  if (!quantityPattern.test(text)) {
    throw new ScalarFault(
      `quantities must match the regular expression '${quantityPattern.source}'`,
    )
  }
  const canonical = canonicalQuantity(text)
  if (canonicalQuantities.size >= maxRemembered) canonicalQuantities.clear()
  canonicalQuantities.set(text, canonical)
  return canonical
}

function canonicalQuantity(text: string): string {
  try {
    return format(parseQuantity(text))
  } catch {
    const number = /^[+-]?(\d+\.?\d*|\.\d+)/.exec(text)
    const isNumber = number !== null && /^[+-]?[0-9.]*/.exec(text)?.[0] === number[0]
    throw new ScalarFault(
      isNumber ? "unable to parse quantity's suffix" : 'unable to parse numeric part of quantity',
    )
  }
}

const isoTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/
const isoMicroTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/

/** RFC 3339 -> the same in UTC and whole seconds. */
export function decodeTime(value: unknown): string {
  const text = timeText(value)
  const ms = parseTime(text, '2006-01-02T15:04:05Z07:00')
  return isoTime.test(text) ? text : wireTime(ms)
}

/** RFC 3339 with six decimals -> the same in UTC. */
export function decodeMicroTime(value: unknown): string {
  const text = timeText(value)
  const ms = parseTime(text, '2006-01-02T15:04:05.000000Z07:00')
  if (isoMicroTime.test(text)) return text
  return `${new Date(ms).toISOString().slice(0, 19)}.${text.slice(20, 26)}Z`
}

function timeText(value: unknown): string {
  if (typeof value === 'string') return value
  const what = jsonTypeName(value)
  throw new ScalarFault(`json: cannot unmarshal ${what} into Go value of type string`, {
    value: what,
    goType: 'string',
  })
}

// The parts of a time, as Go's layout names them, with what may stand there.
const timeParts: readonly (readonly [layout: string, pattern: RegExp])[] = [
  ['2006', /^\d{4}/],
  ['-', /^-/],
  ['01', /^\d\d/],
  ['-', /^-/],
  ['02', /^\d\d/],
  ['T', /^T/],
  ['15', /^\d\d?/],
  [':', /^:/],
  ['04', /^\d\d/],
  [':', /^:/],
  ['05', /^\d\d/],
]
const zonePart: readonly [string, RegExp] = ['Z07:00', /^(Z|[+-]\d\d:\d\d)/]

/** Milliseconds since 1970; refuses in the words of Go's time.Parse. */
function parseTime(text: string, layout: string): number {
  const isMicro = layout.includes('.000000')
  const fraction: readonly [string, RegExp] = isMicro
    ? ['.000000', /^\.\d{6}/]
    : ['', /^([.,]\d+)?/]
  let rest = text
  for (const [part, pattern] of [...timeParts, fraction, zonePart]) {
    const match = pattern.exec(rest)
    if (!match) {
      throw new ScalarFault(
        `parsing time ${JSON.stringify(text)} as "${layout}": cannot parse ${JSON.stringify(rest)} as "${part}"`,
      )
    }
    rest = rest.slice(match[0].length)
  }
  if (rest !== '') throw timeFault(text, `: extra text: ${JSON.stringify(rest)}`)
  const outOfRange = rangeFault(text)
  if (outOfRange !== undefined) throw timeFault(text, `: ${outOfRange} out of range`)
  return Date.parse(text.replace(/[.,]\d+/, ''))
}

function timeFault(text: string, what: string): ScalarFault {
  return new ScalarFault(`parsing time ${JSON.stringify(text)}${what}`)
}

function rangeFault(text: string): string | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] =
    text.match(/\d+/g)?.map(Number) ?? []
  if (month < 1 || month > 12) return 'month'
  if (hour > 23) return 'hour'
  if (minute > 59) return 'minute'
  if (second > 59) return 'second'
  return day < 1 || day > new Date(Date.UTC(year, month, 0)).getUTCDate() ? 'day' : undefined
}

/** Where base64 breaks off, as Go counts it; undefined when all of it can be read. */
export function base64Fault(text: string): ScalarFault | undefined {
  if (/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text))
    return undefined
  let digits = 0
  for (let index = 0; index < text.length; index++) {
    const char = text[index] ?? ''
    if (char === '\n' || char === '\r') continue
    if (/[A-Za-z0-9+/]/.test(char)) {
      digits++
      continue
    }
    if (char !== '=' || digits % 4 < 2) return illegalBase64(index)
    const end = /^(=[\r\n]*){1,2}/.exec(text.slice(index))?.[0] ?? ''
    const wanted = 4 - (digits % 4)
    const found = end.replaceAll(/[\r\n]/g, '').length
    const next = index + end.length
    if (found < wanted) return illegalBase64(next < text.length ? next - 1 : next)
    return index + end.length < text.length ? illegalBase64(index + end.length) : undefined
  }
  return digits % 4 === 0 ? undefined : illegalBase64(text.length - (digits % 4))
}

function illegalBase64(index: number): ScalarFault {
  return new ScalarFault(`illegal base64 data at input byte ${index}`)
}
