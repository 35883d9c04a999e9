// SPDX-License-Identifier: Apache-2.0
// Quantities as the API writes them back ("1000m" becomes "1"), and their amounts. The same few texts
// come again and again, so that what they mean is remembered.
import { format, parseQuantity } from '../../util/quantity.ts'
import { isRecord } from './read-json.ts'

/** Quantities by resource name: `{ cpu: '100m' }`. */
export type Amounts = Readonly<Record<string, string>>

interface Known {
  readonly nanos: bigint
  readonly canonical: string
}

const known = new Map<string, Known | undefined>()
const maxKnown = 4096

/** The canonical text, rounded up to thousandths; what is no quantity stays as it is. */
export function canonicalQuantity(value: string | number): string {
  if (typeof value !== 'string' && typeof value !== 'number') return value
  const text = `${value}`
  return isPlain.test(text) ? text : (lookUp(text)?.canonical ?? text)
}

/** The amount in billionths; undefined for what is no quantity. */
export function nanosOf(text: unknown): bigint | undefined {
  return typeof text === 'string' || typeof text === 'number' ? lookUp(`${text}`)?.nanos : undefined
}

/** All amounts in canonical form; the same record when they are so already. */
export function canonicalAmounts<T extends Amounts | undefined>(amounts: T): T {
  if (!isRecord(amounts)) return amounts
  let result: Record<string, string> | undefined
  for (const name in amounts) {
    const text = amounts[name] as string
    const canonical = canonicalQuantity(text)
    if (canonical === text) continue
    result ??= { ...amounts }
    result[name] = canonical
  }
  return (result ?? amounts) as T
}

/** Fewer than four digits and no fraction: cannot be written any shorter. */
const isPlain = /^(?:0|[1-9]\d{0,2}(?:[mkMGTPE]|[KMGTPE]i)?)$/
const nanosPerMilli = 1_000_000n

function lookUp(text: string): Known | undefined {
  const found = known.get(text)
  if (found !== undefined || known.has(text)) return found
  if (known.size >= maxKnown) known.clear()
  const result = read(text)
  known.set(text, result)
  return result
}

function read(text: string): Known | undefined {
  try {
    const quantity = parseQuantity(text.trim())
    const fraction = quantity.nanos % nanosPerMilli
    const isFine = fraction === 0n
    const up = fraction > 0n ? nanosPerMilli - fraction : -nanosPerMilli - fraction
    const nanos = isFine ? quantity.nanos : quantity.nanos + up
    return { nanos, canonical: format({ ...quantity, nanos }) }
  } catch {
    // Not a quantity: validation says so, with the path of the field.
    return undefined
  }
}
