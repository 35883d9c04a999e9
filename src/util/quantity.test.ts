// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  add,
  ceilDivide,
  compare,
  format,
  milliUnits,
  parseQuantity,
  subtract,
  wholeUnits,
  zero,
  type Quantity,
} from './quantity.ts'
import { VkError } from './vk-error.ts'

const canonicalForms: Readonly<Record<string, string>> = {
  '0': '0',
  '0Ki': '0',
  '-0m': '0',
  '1': '1',
  '+5': '5',
  '.5': '500m',
  '5.': '5',
  '0.1': '100m',
  '250m': '250m',
  '1000m': '1',
  '1500m': '1500m',
  '100000': '100k',
  '1024': '1024',
  '1Ki': '1Ki',
  '1024Ki': '1Mi',
  '1536Mi': '1536Mi',
  '1.5Gi': '1536Mi',
  '0.5Ki': '512',
  '0.0001Ki': '102400u',
  '1000Ki': '1000Ki',
  '4Ti': '4Ti',
  '1e3': '1e3',
  '12E6': '12e6',
  '1e-3': '1e-3',
  '1E1': '10',
  '1E': '1E',
  '1000E': '1000E',
  '1n': '1n',
  '0.1n': '1n',
  '-0.1n': '-1n',
  '-1.5Gi': '-1536Mi',
  '-100m': '-100m',
  '8Ei': '8Ei',
  '123456789.123456789': '123456789123456789n',
}

for (const [text, canonical] of Object.entries(canonicalForms)) {
  test(`quantity ${text} is written ${canonical}`, () => {
    assert.equal(format(parseQuantity(text)), canonical)
  })
}

const garbage = [
  '',
  '.',
  '-',
  'k',
  '1x',
  '1 Gi',
  '1.2.3',
  '0x10',
  '1KI',
  '1kI',
  '1Kii',
  '1e',
  '1e1k',
]
for (const text of [...garbage, '1e999', '9'.repeat(65)]) {
  test(`quantity refuses ${JSON.stringify(text.slice(0, 12))}`, () => {
    assert.throws(
      () => parseQuantity(text),
      (error) => error instanceof VkError && error.code === 'Invalid',
    )
  })
}

test('ceilDivide rounds up and takes a divisor of zero for 1', () => {
  const quotient = (amount: string, divisor: string): bigint =>
    ceilDivide(parseQuantity(amount), parseQuantity(divisor))
  assert.equal(quotient('250m', '1'), 1n)
  assert.equal(quotient('250m', '1m'), 250n)
  assert.equal(quotient('1Gi', '1Mi'), 1024n)
  assert.equal(quotient('1Gi', '1M'), 1074n)
  assert.equal(quotient('2500m', '0'), 3n)
  assert.equal(quotient('0', '1m'), 0n)
  assert.equal(quotient('-1500m', '1'), -1n)
})

test('whole and milli units round up', () => {
  assert.equal(wholeUnits(parseQuantity('1500m')), 2n)
  assert.equal(wholeUnits(parseQuantity('4Ki')), 4096n)
  assert.equal(milliUnits(parseQuantity('1500u')), 2n)
  assert.equal(milliUnits(parseQuantity('2')), 2000n)
})

test('a sum keeps the notation of the first operand unless that is zero', () => {
  assert.equal(format(add(parseQuantity('1Gi'), parseQuantity('1M'))), '1074741824')
  assert.equal(format(add(zero, parseQuantity('1Gi'))), '1Gi')
  assert.equal(format(add(parseQuantity('1Gi'), parseQuantity('1Gi'))), '2Gi')
  assert.equal(format(subtract(parseQuantity('2Gi'), parseQuantity('1Mi'))), '2047Mi')
  assert.equal(format(subtract(parseQuantity('1'), parseQuantity('1500m'))), '-500m')
})

const quantities: fc.Arbitrary<Quantity> = fc.record({
  nanos: fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }),
  notation: fc.constantFrom('decimal', 'binary', 'exponent'),
})
const texts = fc
  .tuple(
    fc.constantFrom('', '-', '+'),
    fc.nat(),
    fc.option(fc.nat({ max: 9999 })),
    fc.constantFrom(
      '',
      'n',
      'u',
      'm',
      'k',
      'M',
      'G',
      'T',
      'P',
      'E',
      'Ki',
      'Mi',
      'Gi',
      'Ei',
      'e3',
      'E-2',
    ),
  )
  .map(
    ([sign, whole, part, suffix]) => `${sign}${whole}${part === null ? '' : `.${part}`}${suffix}`,
  )
const property = { seed: 20_261, numRuns: 500 }

test('formatting loses nothing, and the canonical form is a fixed point', () => {
  fc.assert(
    fc.property(quantities, (amount) => {
      const again = parseQuantity(format(amount))
      assert.equal(again.nanos, amount.nanos)
      assert.equal(format(again), format(amount))
    }),
    property,
  )
  fc.assert(
    fc.property(texts, (text) => {
      const once = format(parseQuantity(text))
      assert.equal(format(parseQuantity(once)), once)
      assert.equal(compare(parseQuantity(once), parseQuantity(text)), 0)
    }),
    property,
  )
})

test('addition commutes and associates, subtraction undoes it, comparison follows it', () => {
  fc.assert(
    fc.property(quantities, quantities, quantities, (a, b, c) => {
      assert.equal(compare(add(a, b), add(b, a)), 0)
      assert.equal(compare(add(add(a, b), c), add(a, add(b, c))), 0)
      assert.equal(compare(subtract(add(a, b), b), a), 0)
      assert.equal(compare(a, b), compare(add(a, c), add(b, c)))
      assert.equal(compare(a, b), -compare(b, a) + 0)
    }),
    property,
  )
})

test('ceilDivide is the least count of divisors that covers the amount', () => {
  const positive = fc
    .bigInt({ min: 1n, max: 10n ** 24n })
    .map((nanos): Quantity => ({ nanos, notation: 'decimal' }))
  fc.assert(
    fc.property(positive, positive, (amount, divisor) => {
      const count = ceilDivide(amount, divisor)
      assert.ok(count * divisor.nanos >= amount.nanos)
      assert.ok((count - 1n) * divisor.nanos < amount.nanos)
    }),
    property,
  )
})
