// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseImageReference } from './image-reference.ts'
import { credentialsFor } from './registry-credentials.ts'

function matching(image: string, registries: readonly string[]): readonly string[] {
  const reference = parseImageReference(image)
  assert.ok(reference)
  const all = registries.map((registry) => ({ registry, username: 'u', password: 'p' }))
  return credentialsFor(reference, all).map(({ registry }) => registry)
}

test('a host matches itself, with its port', () => {
  const registries = ['r.example', 'r.example:5000', 'other.example']
  assert.deepEqual(matching('r.example/x', registries), ['r.example'])
  assert.deepEqual(matching('r.example:5000/x', registries), ['r.example:5000'])
})

test('a star stands for one part between dots, and never for several', () => {
  assert.deepEqual(matching('a.r.example/x', ['*.r.example', '*.example']), ['*.r.example'])
  assert.deepEqual(matching('a.b.r.example/x', ['*.r.example']), [])
  assert.deepEqual(matching('prod-1.r.example/x', ['prod-*.r.example']), ['prod-*.r.example'])
})

test('a path is the start of the image, part by part, and the longest comes first', () => {
  const registries = ['r.example', 'r.example/team', 'r.example/team/app', 'r.example/te']
  assert.deepEqual(matching('r.example/team/app:1', registries), [
    'r.example/team/app',
    'r.example/team',
    'r.example',
  ])
})

test("Docker's own registry goes by all of its names", () => {
  const registries = ['https://index.docker.io/v1/', 'docker.io', 'r.example']
  assert.deepEqual(matching('busybox', registries), registries.slice(0, 2))
})

test('a dot in a pattern is a dot', () => {
  assert.deepEqual(matching('rxexample.com/x', ['r.example.com']), [])
})
