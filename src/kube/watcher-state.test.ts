// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VkError } from '../util/vk-error.ts'
import { ApiError } from './api-error.ts'
import { nextStep } from './watcher-state.ts'
import type { AttemptEnd, WatcherState, WatcherStep } from './watcher-state.ts'

const streamList: WatcherState = { kind: 'streamList', failures: 0 }
const pageList: WatcherState = { kind: 'pageList', failures: 0 }
const listKind = 'streamList'
const watching: WatcherState = { kind: 'watch', resourceVersion: '5', listKind, failures: 0 }
const broken = new VkError('Unavailable', 'broken')

function after(
  state: WatcherState,
  cause: AttemptEnd['cause'],
  end: Partial<AttemptEnd> = {},
): WatcherStep {
  const plain = { resourceVersion: undefined, hasProgressed: false, openMs: 0 }
  return nextStep(state, { ...plain, ...end, cause }, () => 0)
}

test('watches on at once when the server closes a watch that brought something', () => {
  const step = after(watching, { type: 'closed' }, { resourceVersion: '9', hasProgressed: true })
  assert.deepEqual(step, { state: { ...watching, resourceVersion: '9' }, pauseMs: 0 })
})

test('watches on at once when the server closes a quiet watch after its time', () => {
  const step = after(watching, { type: 'closed' }, { resourceVersion: '5', openMs: 300_000 })
  assert.deepEqual(step, { state: watching, pauseMs: 0 })
})

test('slows down when watches are closed as soon as they are opened', () => {
  const end = { resourceVersion: '5' }
  const first = after(watching, { type: 'closed' }, end)
  assert.equal(first.pauseMs, 250)
  assert.equal(after(first.state, { type: 'closed' }, end).pauseMs, 500)
})

test('watches on from the same place after a failure, with growing pauses up to a cap', () => {
  let step: WatcherStep = { state: watching, pauseMs: 0 }
  const pauses: number[] = []
  for (let i = 0; i < 9; i++) {
    step = after(step.state, { type: 'failed', error: broken }, { resourceVersion: '5' })
    pauses.push(step.pauseMs)
  }
  assert.deepEqual(pauses, [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000])
  assert.equal(step.state.kind, 'watch')
})

test('starts counting failures anew once a watch has brought something', () => {
  const end = { resourceVersion: '7', hasProgressed: true }
  const state = { ...watching, failures: 6 }
  assert.equal(after(state, { type: 'failed', error: broken }, end).pauseMs, 250)
})

test('starts counting failures anew after a quiet watch that worked', () => {
  const state = { ...watching, failures: 6 }
  const end = { resourceVersion: '5', openMs: 60_000 }
  assert.equal(after(state, { type: 'failed', error: broken }, end).pauseMs, 250)
})

test('lists anew at once after 410, in the way that worked before', () => {
  const gone = { type: 'failed', error: new ApiError(410, 'gone') } as const
  const end = { resourceVersion: '5' }
  assert.deepEqual(after(watching, gone, end), {
    state: { kind: 'streamList', failures: 1 },
    pauseMs: 0,
  })
  const paged = { ...watching, listKind: 'pageList' } as const
  assert.equal(after(paged, gone, end).state.kind, 'pageList')
  assert.equal(after({ ...paged, failures: 1 }, gone, end).pauseMs, 250)
})

test('lists by pages at once when the server refuses streamed lists', () => {
  for (const status of [400, 422]) {
    const error = new ApiError(status, 'no')
    assert.deepEqual(after(streamList, { type: 'failed', error }), { state: pageList, pauseMs: 0 })
  }
})

test('lists by pages when a streamed list ends without its end mark', () => {
  assert.equal(after(streamList, { type: 'closed' }).state.kind, 'pageList')
  const silent = after(streamList, { type: 'silent' }, { hasProgressed: true })
  assert.deepEqual(silent, { state: pageList, pauseMs: 0 })
})

test('keeps asking when it is refused, and waits as long as the server wishes', () => {
  const refused = new ApiError(403, 'no')
  assert.deepEqual(after(streamList, { type: 'failed', error: refused }), {
    state: { kind: 'streamList', failures: 1 },
    pauseMs: 250,
  })
  const busy = new ApiError(429, 'busy', { retryAfterMs: 7000 })
  const end = { resourceVersion: '5' }
  assert.equal(after(watching, { type: 'failed', error: busy }, end).pauseMs, 7000)
})

test('watches from where a list of pages stood', () => {
  const end = { resourceVersion: '8', hasProgressed: true }
  assert.deepEqual(after(pageList, { type: 'listed' }, end), {
    state: { kind: 'watch', resourceVersion: '8', listKind: 'pageList', failures: 0 },
    pauseMs: 0,
  })
})
