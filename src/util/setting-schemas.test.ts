// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as v from 'valibot'
import { absolutePath, describeMistake, quantity } from './setting-schemas.ts'

const schema = v.strictObject({
  path: v.optional(absolutePath),
  amounts: v.optional(v.record(v.string(), quantity)),
  count: v.optional(v.number()),
})

function mistakes(config: unknown): readonly string[] {
  const { issues = [] } = v.safeParse(schema, config)
  return issues.map(describeMistake)
}

test('what is right is taken, amounts as text', () => {
  const config = { path: '/a/b.c', amounts: { cpu: 4, memory: '8Gi' }, count: 1 }
  const { output } = v.safeParse(schema, config)
  assert.deepEqual(output, { ...config, amounts: { cpu: '4', memory: '8Gi' } })
})

test('a mistake is told with its setting and what that must be', () => {
  assert.deepEqual(mistakes({ paht: '/a' }), ['there is no setting "paht"'])
  assert.deepEqual(mistakes({ count: 'x' }), ['"count" must be number ("x")'])
  assert.deepEqual(mistakes('text'), ['"it" must be Object ("text")'])
  for (const path of ['a', '/a/../b', '/a/.', '']) {
    assert.deepEqual(mistakes({ path }), [
      `"path" must be an absolute path without "." or ".." (${JSON.stringify(path)})`,
    ])
  }
  for (const amount of ['-1', 'much', '']) {
    assert.match(
      mistakes({ amounts: { cpu: amount } })[0] ?? '',
      /^"amounts.cpu" must be a quantity/,
    )
  }
})
