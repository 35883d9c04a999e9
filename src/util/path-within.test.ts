// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { relative, resolve } from 'node:path'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { isPathWithin } from './path-within.ts'

test('a path lies within itself, the directories above it and the root, and in nothing that only begins so', () => {
  const within = (path: string): readonly string[] =>
    ['/', '/a', '/a/', '/a/b', '/a/bc'].filter((dir) => isPathWithin(path, dir))
  assert.deepEqual(within('/a/bc'), ['/', '/a', '/a/', '/a/bc'])
  assert.deepEqual(within('/a'), ['/', '/a', '/a/'])
  assert.deepEqual(within('/ab'), ['/'])
  assert.deepEqual(within('/'), ['/'])
})

test('of any two normal paths it says what the way from one to the other does', () => {
  const name = fc.constantFrom('a', 'ab', '.a', '..a', '...', 'a b', '\n', 'ä', '\\')
  const path = fc.array(name, { maxLength: 4 }).map((names) => resolve('/', ...names))
  fc.assert(
    fc.property(path, path, fc.boolean(), (one, dir, hasSlash) => {
      const leadsUp = relative(dir, one).split('/').includes('..')
      assert.equal(isPathWithin(one, hasSlash ? `${dir}/`.replace('//', '/') : dir), !leadsUp)
    }),
  )
})
