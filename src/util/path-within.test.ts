// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isPathWithin } from './path-within.ts'

test('a path lies within itself, the directories above it and the root, and in nothing that only begins so', () => {
  const within = (path: string): readonly string[] =>
    ['/', '/a', '/a/', '/a/b', '/a/bc'].filter((dir) => isPathWithin(path, dir))
  assert.deepEqual(within('/a/bc'), ['/', '/a', '/a/', '/a/bc'])
  assert.deepEqual(within('/a'), ['/', '/a', '/a/'])
  assert.deepEqual(within('/ab'), ['/'])
  assert.deepEqual(within('/'), ['/'])
})
