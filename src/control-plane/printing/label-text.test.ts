// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { labelsText, requirementsText, selectorText } from './label-text.ts'

test('shows labels in the order of their text', () => {
  assert.equal(labelsText({ b: '1', a: '2' }), 'a=2,b=1')
  assert.equal(labelsText({}), '<none>')
  assert.equal(labelsText(undefined), '<none>')
})

test('shows the conditions of a selector by key', () => {
  const selector = {
    matchLabels: { tier: 'x', app: 'web' },
    matchExpressions: [
      { key: 'z', operator: 'NotIn', values: ['b', 'a'] },
      { key: 'b', operator: 'In', values: ['only'] },
      { key: 'gone', operator: 'DoesNotExist' },
      { key: 'here', operator: 'Exists' },
    ],
  }
  assert.equal(selectorText(selector), 'app=web,b in (only),!gone,here,tier=x,z notin (a,b)')
})

test('tells selectors of nothing, of everything and of nonsense apart where the kind does', () => {
  assert.equal(selectorText(undefined), '<none>')
  assert.equal(selectorText({}), '<none>')
  assert.equal(requirementsText({}, '<invalid>'), '')
  const wrong = { matchExpressions: [{ key: 'a', operator: 'Near' }] }
  assert.equal(selectorText(wrong), '<error>')
  assert.equal(requirementsText(wrong, '<invalid>'), '<invalid>')
})
