// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from './clock.ts'

test('a sleep that is stopped rejects with the reason of the signal', async () => {
  const abort = new AbortController()
  const reason = new Error('time to go')
  const sleeping = systemClock.sleep(60_000, { signal: abort.signal })
  abort.abort(reason)
  await assert.rejects(sleeping, reason)
})
