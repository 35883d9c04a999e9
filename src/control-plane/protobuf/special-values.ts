// SPDX-License-Identifier: Apache-2.0
// Messages whose JSON is not an object of their fields: times, quantities, numbers or strings, and JSON
// within protobuf.
import { WireFault, WireReader, wireTypes } from './wire-reader.ts'

/** `2026-01-02T03:04:05Z`; null for the zero time. */
export function decodeTimeMessage(bytes: Buffer): string | null {
  const { seconds, nanos } = timestampOf(bytes)
  return seconds === 0 && nanos === 0 ? null : `${dateText(seconds)}Z`
}

/** With six digits after the second; null for the zero time. */
export function decodeMicroTimeMessage(bytes: Buffer): string | null {
  const { seconds, nanos } = timestampOf(bytes)
  if (seconds === 0 && nanos === 0) return null
  if (nanos < 0 || nanos >= 1e9) throw new WireFault(`nanoseconds ${nanos} are out of range`)
  const micros = String(Math.floor(nanos / 1000)).padStart(6, '0')
  return `${dateText(seconds)}.${micros}Z`
}

export function decodeQuantityMessage(bytes: Buffer): string {
  const { text } = intsAndText(bytes, { textNumber: 1 })
  return text === '' ? '0' : text
}

export function decodeIntOrString(bytes: Buffer): number | string {
  const { ints, text } = intsAndText(bytes, { textNumber: 3 })
  const [, type = 0, value = 0] = ints
  if (type !== 0 && type !== 1) throw new WireFault(`impossible IntOrString.Type ${type}`)
  return type === 0 ? value | 0 : text
}

/** The value of RawExtension and FieldsV1; null where there is none. */
export function decodeJsonMessage(bytes: Buffer): unknown {
  const reader = new WireReader(bytes)
  let raw: Buffer | undefined
  while (!reader.isAtEnd) {
    const tag = reader.tag()
    if (tag.number === 1 && tag.wireType === wireTypes.bytes) raw = reader.bytes()
    else reader.skip(tag)
  }
  if (!raw || raw.length === 0) return null
  try {
    return JSON.parse(raw.toString('utf8'))
  } catch (error) {
    throw new WireFault(`the JSON inside cannot be read: ${String(error)}`)
  }
}

function timestampOf(bytes: Buffer): { readonly seconds: number; readonly nanos: number } {
  const [, seconds = 0, nanos = 0] = intsAndText(bytes, { textNumber: 0 }).ints
  return { seconds, nanos }
}

const yearOneSeconds = -62_135_596_800
const yearTenThousandSeconds = 253_402_300_800

/** RFC 3339 without fraction and zone. */
function dateText(seconds: number): string {
  if (seconds < yearOneSeconds || seconds >= yearTenThousandSeconds) {
    throw new WireFault('year outside of range [0,9999]')
  }
  return new Date(seconds * 1000).toISOString().slice(0, 19)
}

/** The varints 1 and 2 of a message, and its one text. */
function intsAndText(
  bytes: Buffer,
  { textNumber }: { readonly textNumber: number },
): { readonly ints: readonly number[]; readonly text: string } {
  const reader = new WireReader(bytes)
  const ints = [0, 0, 0]
  let text = ''
  while (!reader.isAtEnd) {
    const tag = reader.tag()
    const { number, wireType } = tag
    if (number === textNumber && wireType === wireTypes.bytes) {
      text = reader.bytes().toString('utf8')
    } else if (number <= 2 && wireType === wireTypes.varint) {
      ints[number] = reader.int64()
    } else {
      reader.skip(tag)
    }
  }
  return { ints, text }
}
