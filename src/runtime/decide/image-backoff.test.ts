// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildPod } from '../../../test/support/build-pod.ts'
import { isPullFailure, nextImageBackoff, pullFailure, type ImageBackoff } from './image-backoff.ts'
import { decide } from './next-step.ts'

test('pulls are tried again after 10 s, 20 s, … 300 s, and anew after ten quiet minutes', () => {
  const delays: number[] = []
  let backoff: ImageBackoff | undefined
  for (let nowMs = 0, i = 0; i < 7; i++) {
    backoff = nextImageBackoff(backoff, nowMs)
    delays.push(backoff.delayMs / 1000)
    nowMs += backoff.delayMs
  }
  assert.deepEqual(delays, [10, 20, 40, 80, 160, 300, 300])
  assert(backoff)
  assert.equal(nextImageBackoff(backoff, backoff.failedAtMs + 600_001).delayMs, 10_000)
})

test('a container shows first why its image cannot be had, then that it waits', () => {
  const backoff = nextImageBackoff(undefined, 0)
  const failure = pullFailure('x:1', { reason: 'ErrImagePull', message: 'no route', backoff })
  const waitAt = (nowMs: number) =>
    decide(
      {
        pod: buildPod(),
        containers: new Map(),
        startTimeMs: 0,
        canStart: true,
        hasEnded: false,
        startFailures: new Map([['main', failure]]),
      },
      nowMs,
    )
  const first = waitAt(0)
  assert.deepEqual(first.waits.get('main'), {
    reason: 'ErrImagePull',
    message: 'no route',
    untilMs: 5000,
  })
  assert.equal(first.wakeAtMs, 5000)
  assert.deepEqual(waitAt(5000).waits.get('main'), {
    reason: 'ImagePullBackOff',
    message: 'Back-off pulling image "x:1": ErrImagePull: no route',
    untilMs: 10_000,
  })
  assert.equal(waitAt(10_000).actions[0]?.kind, 'start')
})

test('what no registry can help is tried again like any other start', () => {
  assert.equal(isPullFailure('ErrImageNeverPull'), false)
  assert.equal(isPullFailure('ErrImagePull'), true)
})
