// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { tries } from '../../../test/support/test-size.ts'
import { environmentOf, isShellSafe, quote } from './environment.ts'

test('quoted text is one word of a shell, whatever it holds', () => {
  const text = fc.string({ unit: 'binary' }).map((value) => value.replaceAll('\0', ''))
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 20 }), (words) => {
      const script = `printf '%s\\0' ${words.map(quote).join(' ')}`
      const { stdout } = spawnSync('/bin/sh', ['-s'], { input: script, env: {} })
      const expected = Buffer.from(words.map((word) => `${word}\0`).join(''))
      assert.deepEqual(stdout, expected)
    }),
    { seed: 1, numRuns: tries(30, 10) },
  )
})

test('adds PATH, HOME and HOSTNAME where the pod has none, and nothing else', () => {
  const own = { home: '/home/a', hostname: 'h' }
  const variable = (name: string, value: string) => ({ name, value, isSecret: false })
  assert.deepEqual(
    [...environmentOf([variable('HOME', ''), variable('A', '1'), variable('A', '2')], own)],
    [
      ['PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      ['HOME', ''],
      ['HOSTNAME', 'h'],
      ['A', '2'],
    ],
  )
})

test('knows which names a shell would not hand on', () => {
  const isSafe = (name: string): boolean => isShellSafe(new Map([[name, '']]))
  for (const name of ['A', '_A1', 'a', 'LD_PRELOAD', 'PATH', 'IFS']) assert.ok(isSafe(name), name)
  for (const name of ['a.b', 'a-b', '1A', '', 'é', 'A B', '_', 'UID', 'OPTIND']) {
    assert.equal(isSafe(name), false, name)
  }
})
