// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Pod, PodCondition, PodStatus } from '../kube/types.gen.ts'
import { containerStatus, testPod } from '../../test/support/test-pods.ts'
import { mergePatch } from '../../test/support/fake-api/merge-patch.ts'
import { diffStatus } from './status-diff.ts'

const nowMs = Date.UTC(2026, 0, 2)
const before = '2026-01-01T00:00:00Z'
const now = '2026-01-02T00:00:00Z'

function ready(status: string, more: Partial<PodCondition> = {}): PodCondition {
  return { type: 'Ready', status, lastTransitionTime: before, ...more }
}

function diff(had: PodStatus, wanted: PodStatus, pod: Partial<Pod> = {}): unknown {
  return diffStatus({ ...testPod({ status: had }), ...pod }, wanted, nowMs)?.status
}

test('says nothing when nothing changed', () => {
  const status: PodStatus = {
    phase: 'Running',
    podIP: '10.0.0.1',
    podIPs: [{ ip: '10.0.0.1' }],
    conditions: [ready('True')],
    containerStatuses: [containerStatus({ hasEnded: false, exitCode: 0 })],
  }
  assert.equal(diff(status, structuredClone(status)), undefined)
})

test('takes absent, null and empty for the same, as the API server does', () => {
  const had = { phase: 'Running', message: '' } as PodStatus
  const status = containerStatus({ hasEnded: false, exitCode: 0 })
  const stored = { ...status, lastState: {} }
  const wanted = { phase: 'Running', containerStatuses: [status] }
  assert.equal(diff({ ...had, containerStatuses: [stored] }, wanted), undefined)
})

test('carries the uid, and only what changed', () => {
  const patch = diffStatus(
    testPod({ status: { phase: 'Pending' } }),
    { phase: 'Running', podIPs: [{ ip: '10.0.0.1' }] },
    nowMs,
  )
  assert.deepEqual(patch, {
    metadata: { uid: 'uid-of-a' },
    status: { phase: 'Running', podIPs: [{ ip: '10.0.0.1' }] },
  })
})

test('takes back a reason that no longer holds', () => {
  const had = { phase: 'Pending', reason: 'Old', conditions: [ready('False', { reason: 'Old' })] }
  const wanted = { phase: 'Pending', conditions: [ready('True')] }
  assert.deepEqual(diff(had, wanted), {
    reason: null,
    conditions: [{ ...ready('True'), reason: null }],
  })
})

test('moves lastTransitionTime only with the status', () => {
  const had = { conditions: [ready('False', { reason: 'Old' })] }
  const sameStatus = diff(had, {
    conditions: [ready('False', { reason: 'New', lastTransitionTime: now })],
  })
  assert.deepEqual(sameStatus, { conditions: [ready('False', { reason: 'New' })] })
  const moved = diff(had, { conditions: [{ type: 'Ready', status: 'True' }] })
  assert.deepEqual(moved, {
    conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: now, reason: null }],
  })
})

test('never mentions conditions of others', () => {
  const foreign = { type: 'example.com/gate', status: 'True' }
  const had = { conditions: [foreign, ready('True')] }
  assert.deepEqual(diff(had, { conditions: [ready('False')] }), {
    conditions: [ready('False')],
  })
})

test('deletes stale addresses by ip', () => {
  const had = { podIPs: [{ ip: '10.0.0.1' }] }
  assert.deepEqual(diff(had, { podIPs: [{ ip: '10.0.0.2' }] }), {
    podIPs: [{ ip: '10.0.0.2' }, { ip: '10.0.0.1', $patch: 'delete' }],
  })
})

test('never changes the start time', () => {
  assert.equal(diff({ startTime: before }, { startTime: now }), undefined)
  assert.deepEqual(diff({}, { startTime: now }), { startTime: now })
})

test('never lowers the observed generation', () => {
  assert.equal(diff({ observedGeneration: 3 }, { observedGeneration: 2 }), undefined)
  assert.deepEqual(diff({ observedGeneration: 2 }, { observedGeneration: 3 }), {
    observedGeneration: 3,
  })
})

test('does not write only because a deletion raised the generation', () => {
  const pod = testPod({ deletion: { atMs: nowMs, graceSeconds: 30 } })
  const had = { observedGeneration: 1, conditions: [ready('True', { observedGeneration: 1 })] }
  const wanted = { observedGeneration: 2, conditions: [ready('True', { observedGeneration: 2 })] }
  assert.equal(diffStatus({ ...pod, status: had }, wanted, nowMs), undefined)
  const more = diffStatus({ ...pod, status: had }, { ...wanted, phase: 'Failed' }, nowMs)
  assert.deepEqual(more?.status, {
    phase: 'Failed',
    observedGeneration: 2,
    conditions: [ready('True', { observedGeneration: 2 })],
  })
})

const ips = fc.uniqueArray(fc.constantFrom('10.0.0.1', '10.0.0.2', 'fd00::1'), { maxLength: 3 })
const conditions = fc.uniqueArray(
  fc.record({
    type: fc.constantFrom('Ready', 'ContainersReady', 'Initialized'),
    status: fc.constantFrom('True', 'False'),
    reason: fc.constantFrom('A', 'B'),
  }),
  { selector: ({ type }) => type, minLength: 3 },
)
const statuses: fc.Arbitrary<PodStatus> = fc.record({
  phase: fc.constantFrom('Pending', 'Running', 'Failed'),
  message: fc.constantFrom('', 'why'),
  podIPs: ips.map((all) => all.map((ip) => ({ ip }))),
  conditions,
  containerStatuses: fc
    .record({ hasEnded: fc.boolean(), exitCode: fc.nat(2) })
    .map((state) => [containerStatus(state)]),
})

test('makes the API say what is wanted, whatever it said before, and then is content', () => {
  fc.assert(
    fc.property(statuses, statuses, (had, wanted) => {
      const pod = testPod({ status: had })
      const patch = diffStatus(pod, wanted, nowMs)
      const merged = patch ? (mergePatch(pod, patch, true) as Pod) : pod
      assert.deepEqual(merged.status?.podIPs ?? [], wanted.podIPs)
      assert.equal(merged.status?.phase, wanted.phase)
      assert.equal(diffStatus(merged, wanted, nowMs), undefined)
    }),
    { numRuns: 500, seed: 7 },
  )
})

test('tells of what a pod has as a whole, and takes it from nobody', () => {
  const resources = { limits: { cpu: '200m' } }
  const had = { phase: 'Running', resources, allocatedResources: { cpu: '100m' } } as PodStatus
  const wanted = { ...had, allocatedResources: { cpu: '200m' } }
  assert.deepEqual(diff(had, wanted), { allocatedResources: { cpu: '200m' } })
  assert.equal(diff(had, { phase: 'Running' }), undefined)
})
