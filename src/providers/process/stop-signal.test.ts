// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { constants } from 'node:os'
import { test } from 'node:test'
import { signalNumber } from './stop-signal.ts'

test('knows signals by name, short name and number', () => {
  const { SIGUSR1 } = constants.signals
  assert.equal(signalNumber('SIGTERM'), 15)
  assert.equal(signalNumber('term'), 15)
  assert.equal(signalNumber('15'), 15)
  assert.equal(signalNumber('SIGUSR1'), SIGUSR1)
  assert.equal(signalNumber('SIGRTMIN'), 34)
  assert.equal(signalNumber('SIGRTMIN+15'), 49)
  assert.equal(signalNumber('SIGRTMAX-1'), 63)
})

test('refuses what is no signal', () => {
  for (const name of ['', 'SIG', 'SIGNONE', '0', '65', '-1', 'SIGRTMIN+99', '__proto__', '1e1']) {
    assert.throws(() => signalNumber(name), { code: 'Invalid' }, name)
  }
})
