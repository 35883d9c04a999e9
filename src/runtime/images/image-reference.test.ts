// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { fullName, parseImageReference, withDefaultTag } from './image-reference.ts'

const digest = `sha256:${'a'.repeat(64)}`

for (const [text, full] of [
  ['busybox', 'docker.io/library/busybox:latest'],
  ['busybox:1.36', 'docker.io/library/busybox:1.36'],
  ['bitnami/redis', 'docker.io/bitnami/redis:latest'],
  ['index.docker.io/busybox', 'docker.io/library/busybox:latest'],
  ['localhost/bb:1', 'localhost/bb:1'],
  ['localhost:5000/a/b', 'localhost:5000/a/b:latest'],
  ['registry.k8s.io/pause:3.10', 'registry.k8s.io/pause:3.10'],
  [`busybox@${digest}`, `docker.io/library/busybox@${digest}`],
  [`r.example/x:1@${digest}`, `r.example/x:1@${digest}`],
  ['[::1]:5000/x', '[::1]:5000/x:latest'],
] as const) {
  test(`${text} is ${full}`, () => {
    const reference = parseImageReference(text)
    assert.ok(reference)
    assert.equal(fullName(reference), full)
  })
}

for (const text of [
  '',
  'UPPER',
  'a b',
  'a:',
  'a@sha256:12',
  '-a',
  'a//b',
  'a:b:c',
  'x'.repeat(300),
]) {
  test(`${JSON.stringify(text.slice(0, 20))} is no name of an image`, () => {
    assert.equal(parseImageReference(text), undefined)
  })
}

test('the tag that is meant is added where none is written, and nowhere else', () => {
  for (const [text, expected] of [
    ['busybox', 'busybox:latest'],
    ['localhost:5000/x', 'localhost:5000/x:latest'],
    ['x:1', 'x:1'],
    [`x@${digest}`, `x@${digest}`],
  ] as const) {
    const reference = parseImageReference(text)
    assert.ok(reference)
    assert.equal(withDefaultTag(text, reference), expected)
  }
})

test('a full name is read as what it was made from', () => {
  const word = fc.stringMatching(/^[a-z0-9]{1,8}$/)
  const names = fc.tuple(word, fc.array(word, { minLength: 1, maxLength: 3 }), word)
  fc.assert(
    fc.property(names, ([host, path, tag]) => {
      const reference = parseImageReference(`${host}.example/${path.join('/')}:${tag}`)
      assert.ok(reference)
      assert.deepEqual(parseImageReference(fullName(reference)), reference)
    }),
  )
})
