// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { separate } from './separate-output.ts'

test('a long output that is read slowly leaves no listeners behind', async () => {
  const connection = new PassThrough()
  const { out, ended } = separate(connection, { isTerminal: true, stdout: true, stderr: false })
  assert.ok(out)
  const piece = Buffer.alloc(2 * out.readableHighWaterMark)
  const sending = (async (): Promise<void> => {
    for (let sent = 0; sent < 20; sent += 1) {
      if (!connection.write(piece))
        await new Promise((resolve) => connection.once('drain', resolve))
    }
    connection.end()
  })()
  let size = 0
  let most = 0
  for await (const chunk of out) {
    size += (chunk as Buffer).length
    most = Math.max(most, out.listenerCount('close'))
  }
  await Promise.all([sending, ended])
  assert.equal(size, 20 * piece.length)
  assert.ok(most < 5, `${most} listeners`)
})
