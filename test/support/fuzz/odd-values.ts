// SPDX-License-Identifier: Apache-2.0
// Values where nobody expects them.
import type { Chance } from './chance.ts'

/** Anything but what a field should hold. */
export const oddValues: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e308,
  2 ** 53,
  '',
  ' ',
  'x',
  '-',
  '$(A)',
  'x'.repeat(300),
  '\u0000',
  '\ud800',
  '1e999',
  '99999999999999999999Gi',
  '../..',
  [],
  [null],
  [[]],
  [{}],
  {},
  [0],
  { '': '' },
  { a: { a: {} } },
  { __proto: null },
  ['a', 'a'],
  [{ name: 'a' }, { name: 'a' }],
  '2026-13-45T99:99:99Z',
  { key: null },
  { $patch: 'replace' },
  JSON.parse('{"__proto__": {"a": 1}}'),
]

/** A copy in which something somewhere is not what it was. */
export function mutated(
  chance: Chance,
  value: unknown,
  times: number = 1 + chance.below(3),
): unknown {
  let next = value
  for (let time = 0; time < times; time += 1) next = withOddity(chance, next, chance.below(6))
  return next
}

function withOddity(chance: Chance, value: unknown, depth: number): unknown {
  const isContainer = typeof value === 'object' && value !== null
  const keys = isContainer ? Object.keys(value) : []
  if (depth === 0 || keys.length === 0) return chance.pick(oddValues)
  const key =
    chance.below(12) === 0
      ? chance.pick(['unknown', '__proto__', 'constructor', ''])
      : chance.pick(keys)
  if (Array.isArray(value)) {
    return value.map((one, index) =>
      String(index) === key ? withOddity(chance, one, depth - 1) : one,
    )
  }
  const record = value as Record<string, unknown>
  const entries = Object.entries(record).filter(([name]) => name !== key)
  return Object.fromEntries([...entries, [key, withOddity(chance, record[key], depth - 1)]])
}
