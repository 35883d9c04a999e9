// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expandSubPath } from './expand-sub-path.ts'

const env = ['POD=web-0', 'EMPTY='].map((text) => {
  const [name = '', value = ''] = text.split('=')
  return { name, value, isSecret: false }
})

test('variables are filled in, and a doubled dollar is one', () => {
  assert.equal(expandSubPath('logs/$(POD)', env), 'logs/web-0')
  assert.equal(expandSubPath('$$(POD)/$(POD)', env), '$(POD)/web-0')
  assert.equal(expandSubPath('$POD', env), '$POD')
})

test('every variable must be there and hold something', () => {
  assert.throws(() => expandSubPath('$(NONE)/$(EMPTY)/$(POD)', env), {
    message: 'missing value for EMPTY, NONE',
    podReason: 'CreateContainerConfigError',
  })
})
