// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerStatus, Pod, PodStatus } from '../kube/types.gen.ts'
import { observedPod, testPod } from '../../test/support/test-pods.ts'
import type { PodRecord } from './known-pod.ts'
import { newPodRecord, refOf } from './known-pod.ts'
import type { StatusContext } from './wire-status.ts'
import { wireStatus } from './wire-status.ts'

const nowMs = Date.UTC(2026, 0, 1)
const admitted = { verdict: { kind: 'admitted' } } as const

function statusOf(
  pod: Pod,
  change: Partial<PodRecord> = {},
  context: Partial<StatusContext> = {},
): PodStatus | undefined {
  const record = { ...newPodRecord(refOf(pod), nowMs), api: pod, ...change }
  return wireStatus(record, {
    nodeIPs: ['192.0.2.1'],
    nowMs,
    isDraining: false,
    problem: undefined,
    ...context,
  })
}

test('shows a running pod with its addresses and start time', () => {
  const pod = testPod()
  const status = statusOf(pod, { ...admitted, observed: observedPod(refOf(pod)), mayExist: true })
  assert.equal(status?.phase, 'Running')
  assert.equal(status.podIP, '10.0.0.1')
  assert.equal(status.hostIP, '192.0.2.1')
  assert.equal(status.startTime, '2026-01-01T00:00:00Z')
  assert.equal(status.observedGeneration, 1)
  const isReady = status.conditions?.find(({ type }) => type === 'Ready')?.status
  assert.equal(isReady, 'True')
})

test('shows why containers wait', () => {
  const problem = { reason: 'CreateContainerConfigError', message: 'secret "s" not found' }
  const status = statusOf(testPod(), admitted, { problem })
  assert.equal(status?.phase, 'Pending')
  assert.deepEqual(status.containerStatuses?.[0]?.state?.waiting, problem)
})

test('gives an unsupported pod no start time, so that it is judged again after a restart', () => {
  const verdict = { kind: 'unsupported', message: 'spec.x: no' } as const
  const status = statusOf(testPod(), { verdict })
  assert.equal(status?.phase, 'Pending')
  assert.equal(status.startTime, undefined)
  assert.equal(status.containerStatuses?.[0]?.state?.waiting?.reason, 'UnsupportedPodSpec')
})

test('shows a rejected pod as Failed without container statuses', () => {
  const verdict = { kind: 'rejected', reason: 'OutOfcpu', message: 'too small' } as const
  const status = statusOf(testPod(), { verdict })
  assert.equal(status?.phase, 'Failed')
  assert.equal(status.reason, 'OutOfcpu')
  assert.equal(status.message, 'Pod was rejected: too small')
  assert.equal(status.containerStatuses, undefined)
})

test('publishes no terminal phase while the backend may start something again', () => {
  const pod = testPod({ restartPolicy: 'Never', status: { phase: 'Running' } })
  const ended = observedPod(refOf(pod), { hasEnded: true })
  const change = { ...admitted, mayExist: true }
  const early = statusOf(pod, { ...change, observed: { ...ended, hasEnded: false } })
  assert.equal(early?.phase, 'Running')
  assert.equal(statusOf(pod, { ...change, observed: ended })?.phase, 'Succeeded')
})

test('ends a deleted pod as Succeeded when all exit codes are 0, whatever its restart policy', () => {
  const pod = testPod({ deletion: { atMs: nowMs, graceSeconds: 30 } })
  const observed = observedPod(refOf(pod), { hasEnded: true })
  const status = statusOf(pod, { ...admitted, observed, mayExist: true })
  assert.equal(status?.phase, 'Succeeded')
  assert.equal(status.conditions?.find(({ type }) => type === 'Ready')?.status, 'False')
})

test('a container that never began is lost once its initialized pod has ended, as on a kubelet', () => {
  const status = statusOf(testPod({ deletion: { atMs: nowMs, graceSeconds: 30 } }), admitted)
  assert.equal(status?.phase, 'Failed')
  assert.deepEqual(status.containerStatuses?.[0]?.state, {
    terminated: {
      exitCode: 137,
      reason: 'ContainerStatusUnknown',
      message: 'The container could not be located when the pod was terminated',
      finishedAt: '2026-01-01T00:00:00Z',
    },
  })
  assert.equal(status.containerStatuses[0].restartCount, 0)
})

test('of a pod that was never initialized only what has begun is lost, and the first in any case', () => {
  const initContainers = [
    { name: 'one', image: 'image' },
    { name: 'two', image: 'image' },
    { name: 'three', image: 'image' },
  ]
  const base = testPod({ spec: { initContainers }, deletion: { atMs: nowMs, graceSeconds: 30 } })
  const ended = (name: string, exitCode: number) => ({
    ...waitingOne(name),
    state: { terminated: { exitCode, reason: 'Completed', finishedAt: '' } },
  })
  const codes = (initStatuses: readonly ContainerStatus[], pod: Pod = base) => {
    const initOnes = { containers: [], initContainers: initStatuses }
    const observed = { ...observedPod(refOf(pod), { hasEnded: true }), ...initOnes }
    const status = statusOf(pod, { ...admitted, observed, mayExist: true })
    return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].map(
      ({ state }) => state?.terminated?.exitCode ?? state?.waiting?.reason,
    )
  }
  const waits = 'PodInitializing'
  assert.deepEqual(codes([]), [137, waits, waits, waits])
  assert.deepEqual(codes([ended('one', 0)]), [0, waits, waits, waits])
  assert.deepEqual(codes([ended('two', 1)]), [137, 1, waits, waits])
  assert.deepEqual(codes([ended('one', 0), ended('two', 0), ended('three', 0)]), [0, 0, 0, 137])
  assert.deepEqual(codes([ended('three', 1)]), [137, 137, 1, waits])
  // A sidecar at the end has stopped by then: what tells is that the pod was initialized once.
  const sidecar = { name: 'three', image: 'image', restartPolicy: 'Always' }
  const { spec } = base
  const besides = {
    ...base,
    spec: { ...spec, initContainers: [...initContainers.slice(0, 2), sidecar] },
  }
  const done = [ended('one', 0), ended('two', 0), ended('three', 0)]
  assert.deepEqual(codes(done, besides), [0, 0, 0, waits])
  const conditions = [{ type: 'Initialized', status: 'True' }]
  assert.deepEqual(codes(done, { ...besides, status: { conditions } }), [0, 0, 0, 137])
})

function waitingOne(name: string): ContainerStatus {
  return { name, image: 'image', imageID: '', ready: false, restartCount: 0 }
}

test('marks what ran as lost when the backend forgot an ending pod', () => {
  const running = observedPod({ namespace: 'default', name: 'a', uid: 'uid-of-a' })
  const pod = testPod({
    deletion: { atMs: nowMs, graceSeconds: 30 },
    status: { phase: 'Running', containerStatuses: running.containers },
  })
  const status = statusOf(pod, { ...admitted, observed: undefined, mayExist: false })
  assert.equal(status?.phase, 'Failed')
  const ended = status.containerStatuses?.[0]?.state?.terminated
  assert.equal(ended?.reason, 'ContainerStatusUnknown')
  assert.equal(ended.exitCode, 137)
})

test('shows a drained pod as Failed, Terminated', () => {
  const pod = testPod()
  const observed = observedPod(refOf(pod), { hasEnded: true })
  const ending = { deadlineMs: nowMs, calledAtMs: nowMs }
  const change = { ...admitted, observed, ending, mayExist: true }
  const status = statusOf(pod, change, { isDraining: true })
  assert.equal(status?.phase, 'Failed')
  assert.equal(status.reason, 'Terminated')
  const message = 'Pod was terminated in response to imminent node shutdown.'
  assert.equal(status.message, message)
  const disruption = status.conditions?.find(({ type }) => type === 'DisruptionTarget')
  assert.equal(disruption?.reason, 'TerminationByKubelet')
})

test('shows a drained pod that never started as Failed, its containers lost', () => {
  const pod = testPod()
  const { containers, ...ended } = observedPod(refOf(pod), { hasEnded: true })
  const state = { waiting: { reason: 'CreateContainerConfigError', message: 'no secret' } }
  const observed = { ...ended, containers: containers.map((status) => ({ ...status, state })) }
  const ending = { deadlineMs: nowMs, calledAtMs: nowMs }
  const change = { ...admitted, observed, ending, mayExist: true }
  const status = statusOf(pod, change, { isDraining: true })
  assert.equal(status?.phase, 'Failed')
  assert.equal(status.reason, 'Terminated')
  assert.equal(status.containerStatuses?.[0]?.state?.terminated?.reason, 'ContainerStatusUnknown')
})

test('never takes a container back from its final end', () => {
  const pod = testPod({ restartPolicy: 'OnFailure' })
  const ended = observedPod(refOf(pod), { hasEnded: true })
  const api = { ...pod, status: { phase: 'Running', containerStatuses: ended.containers } }
  const change = { ...admitted, observed: observedPod(refOf(pod)), mayExist: true }
  const status = statusOf(api, change)
  assert.ok(status?.containerStatuses?.[0]?.state?.terminated)
})

test('keeps the old status of a lost pod until there is news of its new run', () => {
  const { containers } = observedPod({ namespace: 'default', name: 'a', uid: 'uid-of-a' })
  const pod = testPod({ status: { phase: 'Running', containerStatuses: containers } })
  assert.equal(statusOf(pod, admitted), undefined)
})

test('cuts fractions of seconds, which the API would not keep', () => {
  const pod = testPod()
  const observed = observedPod(refOf(pod))
  const [container] = observed.containers
  const state = { running: { startedAt: '2026-01-01T00:00:01.234567Z' } }
  const containers = container ? [{ ...container, state }] : []
  const status = statusOf(pod, { ...admitted, observed: { ...observed, containers } })
  const startedAt = status?.containerStatuses?.[0]?.state?.running?.startedAt
  assert.equal(startedAt, '2026-01-01T00:00:01Z')
})

test('does not wait for init containers that the backend has ignored', () => {
  const init = { name: 'init', image: 'image' }
  const sidecar = { name: 'side', image: 'image', restartPolicy: 'Always' }
  const pod = testPod({ spec: { initContainers: [init, sidecar] }, status: { phase: 'Pending' } })
  const observed = observedPod(refOf(pod))
  const status = statusOf(pod, { ...admitted, observed, mayExist: true })
  assert.equal(status?.phase, 'Running')
  assert.deepEqual(status.initContainerStatuses, [])
  for (const type of ['Initialized', 'ContainersReady', 'Ready']) {
    assert.equal(status.conditions?.find((condition) => condition.type === type)?.status, 'True')
  }
  const ended = observedPod(refOf(pod), { hasEnded: true })
  const final = statusOf(pod, { ...admitted, observed: ended, mayExist: true })
  assert.equal(final?.phase, 'Succeeded')
  assert.deepEqual(final.initContainerStatuses, [])
})

test('waits for init containers before anything else has started', () => {
  const pod = testPod({ spec: { initContainers: [{ name: 'init', image: 'image' }] } })
  const observed = { ...observedPod(refOf(pod)), containers: [] }
  const status = statusOf(pod, { ...admitted, observed, mayExist: true })
  assert.equal(status?.phase, 'Pending')
  assert.equal(status.initContainerStatuses?.[0]?.state?.waiting?.reason, 'PodInitializing')
})

test('marks a pod that its node has evicted as a target of a disruption, once', () => {
  const pod = testPod()
  const before = { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI' }
  const failure = { reason: 'Evicted', message: 'The node was low on resource: memory. ' }
  const observed = { ...observedPod(refOf(pod)), hasEnded: true, failure }
  const status = statusOf({ ...pod, status: { conditions: [before] } }, { ...admitted, observed })
  assert.equal(status?.phase, 'Failed')
  assert.equal(status.reason, 'Evicted')
  const targets = status.conditions?.filter(({ type }) => type === 'DisruptionTarget')
  assert.equal(targets?.length, 1)
  assert.equal(targets[0]?.reason, 'TerminationByKubelet')
  assert.equal(targets[0].message, failure.message)
  assert.equal(targets[0].observedGeneration, 1)
})

test('a deletion counts as acted on once the backend has accepted it, whatever it says itself', () => {
  const { metadata, ...rest } = testPod()
  const deletionTimestamp = '2026-01-01T00:00:00Z'
  const pod = { ...rest, metadata: { ...metadata, generation: 3, deletionTimestamp } }
  const observed = { ...observedPod(refOf(pod)), observedGeneration: 2 }
  const known = { ...admitted, observed, mayExist: true }
  const generations = (change: Partial<PodRecord>) => {
    const status = statusOf(pod, { ...known, ...change })
    const ofConditions = status?.conditions?.map(({ observedGeneration }) => observedGeneration)
    return [...new Set([status?.observedGeneration, ...(ofConditions ?? [])])]
  }
  const ending = { deadlineMs: nowMs + 30_000, calledAtMs: nowMs }
  assert.deepEqual(generations({}), [2])
  assert.deepEqual(generations({ ending }), [3])
  assert.deepEqual(generations({ ending, observed: { ...observed, hasEnded: true } }), [3])
})

test('a pod that has run does not become Pending again', () => {
  const pod = testPod()
  const observed = observedPod(refOf(pod))
  const waiting = { waiting: { reason: 'ContainerCreating' } }
  const containers = observed.containers.map((container) => ({ ...container, state: waiting }))
  const again = { ...observed, containers }
  const ran = { ...pod, status: { phase: 'Running' } }
  assert.equal(statusOf(pod, { ...admitted, observed: again })?.phase, 'Pending')
  assert.equal(statusOf(ran, { ...admitted, observed: again })?.phase, 'Running')
})

test('all termination messages of a pod have 12 KiB in common, and no character is cut', () => {
  const pod = testPod()
  const observed = observedPod(refOf(pod))
  const terminated = { exitCode: 1, message: `é${'x'.repeat(20_000)}`, finishedAt: '' }
  const containers = observed.containers.map((container) => ({
    ...container,
    state: { terminated: { ...terminated, message: `x${'é'.repeat(20_000)}` } },
    lastState: { terminated },
  }))
  const status = statusOf(pod, { ...admitted, observed: { ...observed, containers } })
  const [first] = status?.containerStatuses ?? []
  assert.equal(Buffer.byteLength(first?.lastState?.terminated?.message ?? ''), 12 * 1024)
  assert.equal(first?.state?.terminated?.message, `x${'é'.repeat(6143)}`)
})
