// SPDX-License-Identifier: Apache-2.0
// Kubernetes resource quantities ("250m", "1.5Gi", "12e6"), exact to a billionth like the API server's:
// finer digits are rounded away from zero when read. A quantity remembers in which notation it was
// written, and formatting it gives the canonical form of that notation.
import { VkError } from './vk-error.ts'

/** How a quantity is written: `5k` or `250m`, `5Ki`, `5e3`. */
export type QuantityNotation = 'decimal' | 'binary' | 'exponent'

/** An exact amount. Compare with `compare`, never with `===`. */
export interface Quantity {
  /** The amount in billionths. */
  readonly nanos: bigint
  readonly notation: QuantityNotation
}

/** Nothing, in decimal notation. */
export const zero: Quantity = { nanos: 0n, notation: 'decimal' }

const nanosPerUnit = 1_000_000_000n
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei']
const decimalSuffixes = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E']

// No real amount has more digits; the bound keeps a hostile text from becoming a huge number.
const maxDigits = 64
const syntax = /^([+-]?)(\d*)(?:\.(\d*))?(?:([KMGTPE]i)|([numkMGTPE])|[eE]([+-]?\d{1,3}))?$/

/** Reads a quantity; throws a VkError of code Invalid for anything else. */
export function parseQuantity(text: string): Quantity {
  const match = syntax.exec(text)
  const [, sign, whole = '', fraction = '', binary, decimal, exponent] = match ?? []
  if (!match || whole + fraction === '' || whole.length + fraction.length > maxDigits) {
    throw new VkError(
      'Invalid',
      `Cannot read quantity: not a number with a known suffix ("${text}")`,
    )
  }
  const exponentOfTen = exponent === undefined ? decimalExponent(decimal) : Number(exponent)
  if (Math.abs(exponentOfTen) > maxDigits) {
    throw new VkError('Invalid', `Cannot read quantity: exponent out of range ("${text}")`)
  }
  const digits = BigInt(whole + fraction) << BigInt(10 * binarySuffixes.indexOf(binary ?? ''))
  const magnitude = scaleUp(digits, exponentOfTen + 9 - fraction.length)
  return {
    nanos: sign === '-' ? -magnitude : magnitude,
    notation: binary ? 'binary' : exponent === undefined ? 'decimal' : 'exponent',
  }
}

/** Negative, zero or positive, as `a` is less than, equal to or more than `b`. */
export function compare(a: Quantity, b: Quantity): number {
  return a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0
}

/** The sum, in the notation of `a` unless that is zero. */
export function add(a: Quantity, b: Quantity): Quantity {
  return { nanos: a.nanos + b.nanos, notation: a.nanos === 0n ? b.notation : a.notation }
}

/** The difference, in the notation of `a` unless that is zero. */
export function subtract(a: Quantity, b: Quantity): Quantity {
  return add(a, { nanos: -b.nanos, notation: b.notation })
}

/** How many times `divisor` goes into `amount`, rounded up. A divisor of zero counts as 1. */
export function ceilDivide(amount: Quantity, divisor: Quantity): bigint {
  return ceilQuotient(amount.nanos, divisor.nanos === 0n ? nanosPerUnit : divisor.nanos)
}

/** The amount in whole units, rounded up: bytes, pods. */
export function wholeUnits(amount: Quantity): bigint {
  return ceilQuotient(amount.nanos, nanosPerUnit)
}

/** The amount in thousandths, rounded up: millicores. */
export function milliUnits(amount: Quantity): bigint {
  return ceilQuotient(amount.nanos, 1_000_000n)
}

/** The canonical text: no fraction, the largest suffix that needs none. */
export function format(amount: Quantity): string {
  const { nanos, notation } = amount
  if (nanos === 0n) return '0'
  const isWholeBinary =
    notation === 'binary' &&
    nanos % nanosPerUnit === 0n &&
    magnitudeOf(nanos) >= 1024n * nanosPerUnit
  if (isWholeBinary) {
    const { mantissa, steps } = withoutFactor(nanos / nanosPerUnit, { factor: 1024n, maxSteps: 6 })
    return `${mantissa}${binarySuffixes[steps]}`
  }
  const maxSteps = notation === 'exponent' ? Number.POSITIVE_INFINITY : decimalSuffixes.length - 1
  const { mantissa, steps } = withoutFactor(nanos, { factor: 1000n, maxSteps })
  if (notation !== 'exponent') return `${mantissa}${decimalSuffixes[steps]}`
  return steps === 3 ? `${mantissa}` : `${mantissa}e${3 * (steps - 3)}`
}

function decimalExponent(suffix: string | undefined): number {
  return 3 * (decimalSuffixes.indexOf(suffix ?? '') - 3)
}

function scaleUp(digits: bigint, exponentOfTen: number): bigint {
  if (exponentOfTen >= 0) return digits * 10n ** BigInt(exponentOfTen)
  return ceilQuotient(digits, 10n ** BigInt(-exponentOfTen))
}

function ceilQuotient(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor
  const isRoundedDown = dividend % divisor !== 0n && dividend < 0n === divisor < 0n
  return isRoundedDown ? quotient + 1n : quotient
}

function withoutFactor(
  value: bigint,
  { factor, maxSteps }: { readonly factor: bigint; readonly maxSteps: number },
): { readonly mantissa: bigint; readonly steps: number } {
  let mantissa = value
  let steps = 0
  while (steps < maxSteps && mantissa % factor === 0n) {
    mantissa /= factor
    steps++
  }
  return { mantissa, steps }
}

function magnitudeOf(value: bigint): bigint {
  return value < 0n ? -value : value
}
