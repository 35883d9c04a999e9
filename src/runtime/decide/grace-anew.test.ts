// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildPod } from '../../../test/support/build-pod.ts'
import type { ContainerRecord, Doom } from './container-record.ts'
import { withGraceAnew } from './grace-anew.ts'
import type { Ending } from './pod-state.ts'

const nowMs = 1_000_000
const pod = buildPod({ spec: { terminationGracePeriodSeconds: 20 } })
const runs: ContainerRecord = { attempt: 0, stage: 'started', image: 'i' }
const doomed = (cause: Doom['cause'], more: Partial<ContainerRecord> = {}): ContainerRecord => ({
  ...runs,
  doom: { cause, message: 'm', deadlineMs: 1 },
  ...more,
})

test('what is stopped while its pod goes on has the grace of its cause again', () => {
  const failed = { probe: 'liveness', graceSeconds: 7 } as const
  const graceOf = (container: ContainerRecord): number | undefined => {
    const { main } = withGraceAnew({ pod, containers: { main: container } }, nowMs).containers
    return main?.doom && main.doom.deadlineMs - nowMs
  }
  assert.equal(graceOf(doomed('changed')), 20_000)
  assert.equal(graceOf(doomed('resize')), 20_000)
  assert.equal(graceOf(doomed('postStart')), 20_000)
  assert.equal(graceOf(doomed('sandbox')), 20_000)
  assert.equal(graceOf(doomed('liveness')), 20_000)
  assert.equal(graceOf(doomed('liveness', { health: { failed } })), 7000)
  // A verdict of probes that comes later does not shorten what was given for another reason.
  assert.equal(graceOf(doomed('changed', { health: { failed } })), 20_000)
  // Nobody waits for what a rule has started anew.
  assert.equal(graceOf(doomed('reset')), 0)
})

test('a pod that ends by itself has its grace again, one whose end is awaited has not', () => {
  const deadlineOf = (cause: Ending['cause'], endedAtMs?: number): number | undefined => {
    const ended = endedAtMs === undefined ? {} : { endedAtMs }
    const record = { pod, ending: { cause, deadlineMs: 1 }, containers: {}, ...ended }
    return withGraceAnew(record, nowMs).ending.deadlineMs
  }
  assert.equal(deadlineOf('finished'), nowMs + 20_000)
  assert.equal(deadlineOf('failed'), nowMs + 20_000)
  assert.equal(deadlineOf('deleted'), 1)
  assert.equal(deadlineOf('evicted'), 1)
  assert.equal(deadlineOf('finished', 2), 1)
})

test('a record of which nothing is being stopped is the same, and so is not written', () => {
  const ended = doomed('liveness', { stage: 'ended' })
  const record = { pod, containers: { a: runs, b: ended } }
  assert.equal(withGraceAnew(record, nowMs), record)
})
