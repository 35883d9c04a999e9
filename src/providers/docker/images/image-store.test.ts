// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { RecordedEvent } from '../../../kube/event-recorder.ts'
import { FakeClock } from '../../../util/fake-clock.ts'
import { VkError, behaviourOf } from '../../../util/vk-error.ts'
import type { EngineClient } from '../engine/engine-client.ts'
import { ImageStore } from './image-store.ts'
import { PullRecords } from './pull-records.ts'

test('an engine that cannot say whether it has the image is told of as such', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vk-images-'))
  const away = new VkError('Unavailable', 'Cannot reach the engine at unix:///x: it is away')
  const client = { json: () => Promise.reject(away) } as Partial<EngineClient> as EngineClient
  const events: RecordedEvent[] = []
  try {
    const store = new ImageStore({
      client,
      clock: new FakeClock(),
      records: await PullRecords.open(join(folder, 'pulled.json')),
      nodeCredentials: () => Promise.resolve([]),
      used: () => {},
    })
    const order = {
      image: 'app:1',
      policy: 'IfNotPresent',
      credentials: () => Promise.resolve([]),
      notice: (event: RecordedEvent) => void events.push(event),
      signal: new AbortController().signal,
    }
    const message = `Failed to inspect image "app:1": ${away.message}`
    await assert.rejects(store.ensure(order), (error: unknown) => {
      assert.equal(behaviourOf(error).podReason, 'ImageInspectError')
      assert.equal((error as Error).message, message)
      return true
    })
    assert.deepEqual(events, [{ type: 'Warning', reason: 'InspectFailed', message }])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
