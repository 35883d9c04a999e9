// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod, PodStatus } from '../kube/types.gen.ts'
import { decidePod, deletionDeadlineMs } from './decide-pod.ts'
import type { PodStep } from './decide-pod.ts'
import { newPodRecord } from './known-pod.ts'
import type { PodRecord } from './known-pod.ts'
import { testPod } from '../../test/support/test-pods.ts'
import { wireStatus } from './wire-status.ts'

const nodeName = 'here'

test('creates a pod that was admitted and is not known to the backend', () => {
  const record = known(testPod({ nodeName }), { verdict: { kind: 'admitted' } })
  assert.deepEqual(decide(record), { do: 'create' })
})

test('judges a pod before anything else', () => {
  assert.deepEqual(decide(known(testPod({ nodeName }))), { do: 'judge' })
})

test('does nothing for a pod of another node', () => {
  assert.deepEqual(decide(known(testPod({ nodeName: 'there' }))), { do: 'ignore' })
})

test('never creates a pod again that the API calls ended', () => {
  const record = known(testPod({ nodeName, status: { phase: 'Failed' } }))
  assert.deepEqual(decide(record), { do: 'wait' })
})

test('gives up a pod with restart policy Never whose containers are lost', () => {
  const status: PodStatus = {
    phase: 'Running',
    startTime: '2026-01-01T00:00:00Z',
    containerStatuses: [
      { ...waiting, state: { running: { startedAt: '2026-01-01T00:00:01Z' } }, ready: true },
    ],
  }
  const pod = testPod({ nodeName, status, restartPolicy: 'Never' })
  const record = known(pod, { verdict: { kind: 'admitted' } })
  assert.deepEqual(decide(record), { do: 'giveUp' })
  const world = { nodeName, nowMs: 0, hasPredecessor: false, isDraining: false }
  assert.deepEqual(decidePod(record, { ...world, adoptsByStatus: true }), { do: 'create' })
  record.isLost = true
  const final = wireStatus(record, { nodeIPs: [], nowMs: 0, isDraining: false, problem: undefined })
  assert.equal(final?.phase, 'Failed')
  const ended = final?.containerStatuses?.[0]?.state?.terminated
  assert.equal(ended?.exitCode, 137)
  assert.equal(ended?.reason, 'ContainerStatusUnknown')
})

test('creates a lost pod again when its restart policy allows another run', () => {
  const status: PodStatus = {
    phase: 'Running',
    startTime: '2026-01-01T00:00:00Z',
    containerStatuses: [{ ...waiting, state: { running: {} } }],
  }
  const record = known(testPod({ nodeName, status }), { verdict: { kind: 'admitted' } })
  assert.deepEqual(decide(record), { do: 'create' })
})

test('counts the grace from when the deletion was seen, and after a restart from its timestamp', () => {
  const pod = testPod({ nodeName, deletion: { atMs: 100_000, graceSeconds: 30 } })
  assert.equal(deletionDeadlineMs(pod, undefined), 100_000)
  assert.equal(deletionDeadlineMs(pod, 50_000), 80_000)
})

test('only ever shortens a grace', () => {
  const pod = testPod({ nodeName, deletion: { atMs: 30_000, graceSeconds: 30 } })
  const record = known(pod, { mayExist: true, ending: { deadlineMs: 10_000, calledAtMs: 0 } })
  assert.deepEqual(decide(record), { do: 'wait', untilMs: 70_000 })
  record.ending = { deadlineMs: 60_000, calledAtMs: 0 }
  assert.deepEqual(decide(record), { do: 'end', deadlineMs: 30_000, gracePeriodSeconds: 30 })
})

test('asks the backend again for an ending that is long overdue', () => {
  const pod = testPod({ nodeName, deletion: { atMs: 30_000, graceSeconds: 30 } })
  const record = known(pod, { mayExist: true, ending: { deadlineMs: 30_000, calledAtMs: 0 } })
  const step = decide(record, 90_000)
  assert.deepEqual(step, { do: 'end', deadlineMs: 30_000, gracePeriodSeconds: 1 })
})

test('makes sure that a running pod is gone from the API before it ends it', () => {
  const record = known(undefined, { mayExist: true })
  assert.deepEqual(decide(record), { do: 'confirmGone' })
  record.isGoneConfirmed = true
  assert.deepEqual(decide(record), { do: 'end', deadlineMs: 2000, gracePeriodSeconds: 2 })
})

test('keeps quiet about a pod that only a finalizer holds', () => {
  const deletion = { atMs: 0, graceSeconds: 0 }
  const record = known(testPod({ nodeName, deletion, status: { phase: 'Failed' } }))
  assert.deepEqual(decide(record), { do: 'wait' })
})

const waiting = {
  name: 'main',
  image: 'image',
  imageID: '',
  ready: false,
  restartCount: 0,
}

function known(api: Pod | undefined, change: Partial<PodRecord> = {}): PodRecord {
  const ref = { namespace: 'default', name: 'a', uid: api?.metadata.uid ?? 'uid' }
  return { ...newPodRecord(ref, 0), api, ...change }
}

function decide(record: PodRecord, nowMs = 0): PodStep {
  return decidePod(record, { nodeName, nowMs, hasPredecessor: false, isDraining: false })
}
