// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { readEnvFile } from './env-file.ts'

const values: readonly [title: string, text: string, value: string][] = [
  ['a quoted value', "A='x y'", 'x y'],
  ['the first of two', "A='1'\nA='2'\n", '1'],
  ['nothing but what the quotes hold', 'A=\'$B \\n "c"\'', '$B \\n "c"'],
  ['a value over lines', "B='0'\nA='1\n\n 3'\nC='4'", '1\n\n 3'],
  ['blank lines and comments left out', "\n \t\n# A='no'\n  A='yes' # why", 'yes'],
  ['a comment right after the quote', "A='yes'#why", 'yes'],
  ['nothing where a blank follows =', "A= 'x'\n", ''],
  ['nothing from an empty file', '', ''],
  ['nothing where the key is missing', "B='x'", ''],
  ["what a value of another key holds is none of the file's", "B='\nA=bad\n'\nA='good'", 'good'],
  ['lines as Windows ends them', "B='x'\r\nA='y'\r\n", 'y'],
  ['no judgement on what follows', "A='x'\nbad line", 'x'],
]
for (const [title, text, value] of values) {
  test(`a file of variables gives ${title}`, () => assert.equal(readEnvFile(text, 'A'), value))
}

const refusals: readonly [text: string, why: string][] = [
  ['A', "at line 1: missing '='"],
  ["='x'", 'at line 1: empty variable name'],
  ["\nA ='x'", "at line 2: whitespace before '=' is not allowed"],
  ['A=x', 'at line 1: value must be enclosed in single quotes'],
  ['A="x"', 'at line 1: value must be enclosed in single quotes'],
  ["A='x' y", 'at line 1: unexpected content after closing quote'],
  ["B='x\ny'z\nA='1'", 'at line 2: unexpected content after closing quote'],
  ["# c\nA='x\ny", 'starting at line 2: unclosed single quote'],
]
for (const [text, why] of refusals) {
  test(`a file of variables is refused: ${why}`, () => {
    assert.throws(() => readEnvFile(text, 'A'), {
      message: `invalid environment variable format ${why}`,
    })
  })
}

test('any value without a quote is read as it was written', () => {
  const value = fc.string({ unit: 'binary' }).filter((text) => !/['\r]/.test(text))
  fc.assert(
    fc.property(value, value, (before, own) => {
      assert.equal(readEnvFile(`B='${before}'\nA='${own}' # c\n`, 'A'), own)
    }),
  )
})
