// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateName } from './generate-name.ts'

test('a generated name is the prefix and five characters that make no words', () => {
  assert.match(generateName('web-'), /^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
})

test('a long prefix is cut so that the name stays a label', () => {
  assert.equal(
    generateName('p'.repeat(80), () => 0),
    `${'p'.repeat(58)}bbbbb`,
  )
})
