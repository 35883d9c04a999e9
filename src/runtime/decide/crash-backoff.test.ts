// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgeRestart, type CrashBackoff } from './crash-backoff.ts'

/** Waits of a container that runs `runMs` each time before it ends. */
function waits(count: number, options: { runMs?: number; capMs?: number } = {}): number[] {
  const { runMs = 0, capMs } = options
  const seconds: number[] = []
  let state: CrashBackoff | undefined
  let finishedAtMs = 1_000_000
  for (let i = 0; i < count; i++) {
    const at = { finishedAtMs, capMs }
    const { waitMs } = judgeRestart({ ...at, state, nowMs: finishedAtMs })
    const due = judgeRestart({ ...at, state, nowMs: finishedAtMs + waitMs })
    assert.equal(due.waitMs, 0, 'due when the wait is over')
    seconds.push(waitMs / 1000)
    state = due.next
    finishedAtMs += waitMs + runMs
  }
  return seconds
}

test('the first restart is immediate, then 10 s doubling to 300 s', () => {
  assert.deepEqual(waits(9), [0, 10, 20, 40, 80, 160, 300, 300, 300])
})

test('a run of more than ten minutes starts the row anew, one of ten does not', () => {
  assert.deepEqual(waits(4, { runMs: 600_001 }), [0, 0, 0, 0])
  assert.deepEqual(waits(4, { runMs: 600_000 }), [0, 10, 20, 40])
})

test('the cap bounds the first wait too', () => {
  assert.deepEqual(waits(5, { capMs: 25_000 }), [0, 10, 20, 25, 25])
  assert.deepEqual(waits(4, { capMs: 1000 }), [0, 1, 1, 1])
})

test('the wait counts from the end of the run, and a clock set back does not lengthen it', () => {
  const state = { delayMs: 20_000, updatedAtMs: 0 }
  assert.equal(judgeRestart({ state, finishedAtMs: 5000, nowMs: 12_000 }).waitMs, 13_000)
  assert.equal(judgeRestart({ state, finishedAtMs: 5000, nowMs: 1000 }).waitMs, 20_000)
})

test('a clock that is set back by a day does not make a container wait for a day', () => {
  const state = { delayMs: 20_000, updatedAtMs: 86_400_000 }
  assert.equal(judgeRestart({ state, finishedAtMs: 86_400_000, nowMs: 0 }).waitMs, 0)
})
