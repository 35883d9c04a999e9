// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { expand } from './expand.ts'
import { tries } from '../../test/support/test-size.ts'

const values: Readonly<Record<string, string>> = {
  A: 'alpha',
  B: '$(A)',
  EMPTY: '',
  'a-b.c': 'odd',
  MONEY: '$$',
}

const cases: readonly (readonly [text: string, expanded: string])[] = [
  ['', ''],
  ['plain', 'plain'],
  ['$(A)', 'alpha'],
  ['x$(A)y$(A)z', 'xalphayalphaz'],
  ['$(UNKNOWN)', '$(UNKNOWN)'],
  ['$()', '$()'],
  ['$(EMPTY)', ''],
  ['$(a-b.c)', 'odd'],
  ['$(B)', '$(A)'],
  ['$(MONEY)', '$$'],
  ['$$(A)', '$(A)'],
  ['$$$(A)', '$alpha'],
  ['$$$$(A)', '$$(A)'],
  ['$A', '$A'],
  ['${A}', '${A}'],
  ['$', '$'],
  ['$$', '$'],
  ['a$', 'a$'],
  ['$(', '$('],
  ['$(A', '$(A'],
  ['$(A$(A)', '$(A$(A)'],
  ['$((A)', '$((A)'],
  ['$(A))', 'alpha)'],
  [')$(A', ')$(A'],
  ['$ (A)', '$ (A)'],
  ['$x$(A)', '$xalpha'],
]
for (const [text, expanded] of cases) {
  test(`expands ${JSON.stringify(text)} to ${JSON.stringify(expanded)}`, () => {
    assert.equal(
      expand(text, (name) => values[name]),
      expanded,
    )
  })
}

/** The rules once more, one character at a time. */
function slowExpand(text: string, lookup: (name: string) => string | undefined): string {
  if (text === '') return ''
  if (text.startsWith('$$')) return `$${slowExpand(text.slice(2), lookup)}`
  const reference = /^\$\(([^)]*)\)/.exec(text)
  if (reference) {
    const [whole, name = ''] = reference
    return (lookup(name) ?? whole) + slowExpand(text.slice(whole.length), lookup)
  }
  return text.charAt(0) + slowExpand(text.slice(1), lookup)
}

const texts = fc.string({ unit: fc.constantFrom('$', '(', ')', 'A', 'B', ' '), maxLength: 40 })

test('expansion agrees with the rules written another way, for any mixture of signs', () => {
  fc.assert(
    fc.property(
      texts,
      fc.dictionary(fc.constantFrom('A', 'B', 'AB', ''), fc.string()),
      (text, env) => {
        const lookup = (name: string): string | undefined =>
          Object.hasOwn(env, name) ? env[name] : undefined
        assert.equal(expand(text, lookup), slowExpand(text, lookup))
      },
    ),
    { seed: 61, numRuns: tries(2000, 400) },
  )
})

test('a text with every dollar doubled comes out as it was', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const escaped = text.replaceAll('$', '$$$$')
      assert.equal(
        expand(escaped, () => 'x'),
        text,
      )
    }),
    { seed: 62 },
  )
})

test('a megabyte of unclosed references is read once', () => {
  const text = `)${'$('.repeat(500_000)}`
  assert.equal(
    expand(text, () => 'x'),
    text,
  )
})
