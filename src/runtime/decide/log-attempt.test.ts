// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerRecord } from './container-record.ts'
import { logAttempt } from './log-attempt.ts'

const record = (attempt: number, stage: ContainerRecord['stage']): ContainerRecord => ({
  attempt,
  stage,
  image: 'i',
})

test('current is the run that the state shows, previous the one of lastState', () => {
  const cases: readonly [ContainerRecord | undefined, boolean, unknown, unknown][] = [
    [undefined, false, undefined, undefined],
    [record(0, 'begun'), false, undefined, undefined],
    [record(0, 'started'), false, 0, undefined],
    [record(2, 'started'), false, 2, 1],
    [record(2, 'ended'), false, 2, 1],
    [record(2, 'ended'), true, 2, 2],
    [record(2, 'begun'), true, 1, 1],
  ]
  for (const [known, isWaiting, current, previous] of cases) {
    const label = `${known?.stage} ${known?.attempt} ${isWaiting}`
    assert.equal(logAttempt(known, { previous: false, isWaiting }), current, label)
    assert.equal(logAttempt(known, { previous: true, isWaiting }), previous, label)
  }
})
