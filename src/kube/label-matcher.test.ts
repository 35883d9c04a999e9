// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { matcherOf, matcherOfRequirements, meets } from './label-matcher.ts'

describe('matcherOf', () => {
  it('selects nothing when absent and everything when empty', () => {
    assert.equal(matcherOf(undefined).matches({ a: 'b' }), false)
    assert.equal(matcherOf(undefined).isEmpty, false)
    assert.equal(matcherOf({}).matches(undefined), true)
    assert.equal(matcherOf({}).isEmpty, true)
  })

  it('wants all labels and all expressions', () => {
    const matcher = matcherOf({
      matchLabels: { app: 'web' },
      matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['test'] }],
    })
    assert.equal(matcher.matches({ app: 'web' }), true)
    assert.equal(matcher.matches({ app: 'web', tier: 'test' }), false)
    assert.equal(matcher.matches({ tier: 'prod' }), false)
  })
})

describe('labels', () => {
  it('have nothing that every object has', () => {
    const matcher = matcherOfRequirements([{ key: 'constructor', operator: 'Exists' }])
    assert.equal(matcher.matches({ a: 'b' }), false)
    assert.equal(matcher.matches({ constructor: '' }), true)
  })
})

describe('meets', () => {
  it('treats a missing label by operator', () => {
    const missing = (operator: string) => meets(undefined, { key: 'k', operator, values: ['1'] })
    assert.deepEqual(
      ['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt', 'Unheard'].map(missing),
      [false, true, false, true, false, false, false],
    )
  })

  it('compares whole numbers of any size, and no other texts', () => {
    const isMore = (value: string, than: string) =>
      matcherOfRequirements([{ key: 'k', operator: 'Gt', values: [than] }]).matches({ k: value })
    assert.equal(isMore('9007199254740993', '9007199254740992'), true)
    assert.equal(isMore('10', '9'), true)
    assert.equal(isMore('ten', '9'), false)
    assert.equal(isMore('10', 'nine'), false)
  })
})
