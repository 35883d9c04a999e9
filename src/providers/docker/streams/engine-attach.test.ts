// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { buildContainer } from '../../../../test/support/build-pod.ts'
import { FakeClock } from '../../../util/fake-clock.ts'
import { attachToEngine } from './engine-attach.ts'

const { signal } = new AbortController()
const choice = { spec: buildContainer({}), stdin: false, stdout: true, stderr: true, tty: false }

test('an engine that goes away while an attach begins ends that attach only', async () => {
  const connection = new PassThrough()
  const client = { hijack: async () => connection, text: async () => '' }
  const whenEnded = async (over: AbortSignal): Promise<void> => {
    await once(over, 'abort')
  }
  const hasEnded = async (): Promise<boolean> => {
    // Without a listener for its error, which events.once would be.
    const broken = new Promise((resolve) => connection.once('close', resolve))
    connection.destroy(new Error('read ECONNRESET'))
    await broken
    return false
  }
  const place = { client, clock: new FakeClock(), engineId: 'c1', whenEnded, hasEnded }
  const { exited } = await attachToEngine(place, choice, { signal })
  assert.deepEqual(await exited, { exitCode: 0 })
})

test('an attach to what has ended is refused, and lets the engine go', async () => {
  const connection = new PassThrough()
  const client = { hijack: async () => connection, text: async () => '' }
  const place = {
    client,
    clock: new FakeClock(),
    engineId: 'c1',
    whenEnded: () => Promise.resolve(),
    hasEnded: async () => true,
  }
  await assert.rejects(attachToEngine(place, choice, { signal }), {
    message: 'the container has ended',
  })
  assert.equal(connection.destroyed, true)
})
