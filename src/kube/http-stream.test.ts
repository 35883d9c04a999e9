// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Dispatcher } from 'undici'
import { HttpStream } from './http-stream.ts'

/** What undici gives a handler to steer its request. */
class Controller implements Dispatcher.DispatchController {
  aborted = false
  paused = false
  reason: Error | null = null

  abort(reason: Error): void {
    this.aborted = true
    this.reason = reason
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }
}

function begin(signal?: AbortSignal) {
  const stream = new HttpStream({ timeoutMs: 10_000, signal })
  const controller = new Controller()
  stream.onRequestStart(controller)
  return { stream, controller }
}

test('is not reset in the turn in which it was begun, but in the next', async () => {
  const { stream, controller } = begin()
  stream.close()
  assert.equal(controller.aborted, false)
  await turn()
  assert.equal(controller.aborted, true)
})

test('is reset at once when the answer has begun', async () => {
  const abort = new AbortController()
  const { stream, controller } = begin(abort.signal)
  stream.onResponseStart(controller, 200, {})
  await stream.opened
  abort.abort(new Error('enough'))
  assert.equal(controller.aborted, true)
  await assert.rejects(stream.read(), /enough/)
})

test('is never sent when it was ended before', async () => {
  const stream = new HttpStream({ timeoutMs: 10_000, signal: AbortSignal.abort(new Error('no')) })
  const controller = new Controller()
  stream.onRequestStart(controller)
  assert.equal(controller.aborted, true)
  await assert.rejects(stream.opened, /no/)
})

test('pauses while more than its buffer waits to be read', async () => {
  const { stream, controller } = begin()
  stream.onResponseStart(controller, 200, {})
  const chunk = Buffer.alloc(1024 * 1024)
  for (let i = 0; i < 4; i++) stream.onResponseData(controller, chunk)
  assert.equal(controller.paused, false)
  stream.onResponseData(controller, chunk)
  assert.equal(controller.paused, true)
  assert.equal((await stream.read())?.length, 5)
  assert.equal(controller.paused, false)
  stream.onResponseEnd()
  assert.equal(await stream.read(), undefined)
})

test('gives what arrived before it broke, then the failure', async () => {
  const { stream, controller } = begin()
  stream.onResponseStart(controller, 200, {})
  stream.onResponseData(controller, Buffer.from('x'))
  stream.onResponseError(controller, new Error('other side closed'))
  assert.equal((await stream.read())?.length, 1)
  await assert.rejects(stream.read(), /other side closed/)
})
