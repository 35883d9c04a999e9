// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../util/fake-clock.ts'
import { onDistinctSignal } from './distinct-signals.ts'

test('the echo of a signal is not a second one', async () => {
  const clock = new FakeClock()
  const heard: string[] = []
  {
    using _listening = onDistinctSignal(['SIGUSR2'], (name) => heard.push(name), { clock })
    process.emit('SIGUSR2', 'SIGUSR2')
    process.emit('SIGUSR2', 'SIGUSR2')
    assert.equal(heard.length, 1)
    await clock.advance(1000)
    process.emit('SIGUSR2', 'SIGUSR2')
  }
  assert.deepEqual(heard, ['SIGUSR2', 'SIGUSR2'])
  assert.equal(process.listenerCount('SIGUSR2'), 0)
})
