// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UserError } from '../util/vk-error.ts'
import { checkSeccomp } from './check-seccomp.ts'

test('a node that is to filter system calls, and cannot, is not started', () => {
  const wants = { seccompDefault: true, provider: 'process' }
  for (const features of [{}, { 'security.seccomp': false }]) {
    assert.throws(
      () => checkSeccomp(wants, { features }),
      (error) =>
        error instanceof UserError && error.message.startsWith('Cannot use --seccomp-default: '),
    )
    checkSeccomp({ ...wants, seccompDefault: false }, { features })
  }
  checkSeccomp(wants, { features: { 'security.seccomp': true } })
})
