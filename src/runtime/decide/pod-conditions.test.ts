// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import type { ContainerStatus, Pod, PodCondition } from '../../kube/types.gen.ts'
import { computeConditions, type ConditionsInput } from './pod-conditions.ts'

const nowMs = Date.UTC(2026, 0, 1, 12)
const now = '2026-01-01T12:00:00Z'

function status(name: string, parts: Partial<ContainerStatus> = {}): ContainerStatus {
  const state = { running: {} }
  return {
    name,
    image: 'i',
    imageID: '',
    ready: true,
    started: true,
    restartCount: 0,
    state,
    ...parts,
  }
}

const pod = buildPod({
  metadata: { generation: 4 },
  spec: { containers: [buildContainer({ name: 'a' }), buildContainer({ name: 'b' })] },
})

function conditions(
  of: Pod,
  {
    observed = {},
    ...input
  }: Partial<Omit<ConditionsInput, 'observed'>> & {
    observed?: Partial<ConditionsInput['observed']>
  } = {},
): readonly PodCondition[] {
  return computeConditions(of, {
    phase: 'Running',
    previous: [],
    nowMs,
    ...input,
    observed: {
      isSandboxReady: true,
      containers: [status('a'), status('b')],
      initContainers: [],
      ...observed,
    },
  })
}

function find(list: readonly PodCondition[], type: string): Partial<PodCondition> {
  const { status, reason, message } = list.find((one) => one.type === type) ?? { status: 'absent' }
  return { status, ...(reason && { reason }), ...(message && { message }) }
}

test('a pod that is up has all five conditions in order, with generation and time', () => {
  const list = conditions(pod)
  const expected = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady']
  assert.deepEqual(
    list.map(({ type }) => type),
    [...expected, 'PodScheduled'],
  )
  for (const condition of list) {
    assert.equal(condition.status, 'True')
    assert.equal(condition.observedGeneration, 4)
    assert.equal(condition.lastTransitionTime, now)
  }
})

test('foreign conditions come first and stay as they are', () => {
  const foreign = { type: 'example.com/gate', status: 'True', lastTransitionTime: 'long ago' }
  const list = conditions(pod, { previous: [foreign] })
  assert.equal(list[0], foreign)
  assert.equal(list.length, 6)
})

test('lastTransitionTime moves only when the status does', () => {
  const before = conditions(pod)
  const later = { nowMs: nowMs + 60_000, previous: before }
  const observed = { containers: [status('a'), status('b', { ready: false })] }
  const after = conditions(pod, { ...later, observed })
  const timeOf = (type: string): string | undefined =>
    after.find((one) => one.type === type)?.lastTransitionTime
  assert.equal(timeOf('Ready'), '2026-01-01T12:01:00Z')
  assert.equal(timeOf('Initialized'), now)
  const again = conditions(pod, { nowMs: nowMs + 120_000, previous: after, observed })
  assert.equal(again.find((one) => one.type === 'Ready')?.lastTransitionTime, timeOf('Ready'))
})

test('observedGeneration is what the backend has acted on, and never goes back', () => {
  const first = conditions(pod, { observed: { observedGeneration: 3 } })
  assert.equal(first[0]?.observedGeneration, 3)
  const second = conditions(pod, { observed: { observedGeneration: 2 }, previous: first })
  assert.equal(second[0]?.observedGeneration, 3)
})

test('unready and unknown containers are named', () => {
  const containers = [status('a', { ready: false })]
  const message = 'containers with unknown status: [b], containers with unready status: [a]'
  const list = conditions(pod, { observed: { containers } })
  const expected = { status: 'False', reason: 'ContainersNotReady', message }
  assert.deepEqual(find(list, 'ContainersReady'), expected)
  assert.deepEqual(find(list, 'Ready'), expected)
})

test('sidecars count for readiness, init containers for Initialized', () => {
  const initContainers = [
    buildContainer({ name: 'init' }),
    buildContainer({ name: 'side', restartPolicy: 'Always' }),
  ]
  const withInit = { ...pod, spec: { ...pod.spec, initContainers } }
  const waiting = { state: { waiting: {} }, ready: false, started: false }
  const notYet = conditions(withInit, {
    phase: 'Pending',
    observed: {
      containers: [status('a', waiting), status('b', waiting)],
      initContainers: [status('init', { ready: false }), status('side', waiting)],
    },
  })
  assert.deepEqual(find(notYet, 'Initialized'), {
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: 'containers with incomplete status: [init side]',
  })
  const unready = conditions(withInit, {
    observed: { initContainers: [status('init'), status('side', { ready: false })] },
  })
  assert.equal(find(unready, 'Initialized').status, 'True')
  assert.equal(find(unready, 'Ready').message, 'containers with unready status: [side]')
})

test('readiness gates hold Ready back, and only Ready', () => {
  const readinessGates = [{ conditionType: 'x/one' }, { conditionType: 'x/two' }]
  const gated = { ...pod, spec: { ...pod.spec, readinessGates } }
  const list = conditions(gated, { previous: [{ type: 'x/one', status: 'False' }] })
  assert.equal(find(list, 'ContainersReady').status, 'True')
  assert.deepEqual(find(list, 'Ready'), {
    status: 'False',
    reason: 'ReadinessGatesNotReady',
    message:
      'the status of pod readiness gate "x/one" is not "True", but False, ' +
      'corresponding condition of pod readiness gate "x/two" does not exist.',
  })
  const open = ['x/one', 'x/two'].map((type) => ({ type, status: 'True' }))
  assert.equal(find(conditions(gated, { previous: open }), 'Ready').status, 'True')
})

test('a terminal pod is not ready: PodCompleted or PodFailed', () => {
  const observed = { isSandboxReady: false, containers: [status('a'), status('b')] }
  const succeeded = conditions(pod, { phase: 'Succeeded', observed })
  assert.deepEqual(find(succeeded, 'Ready'), { status: 'False', reason: 'PodCompleted' })
  assert.deepEqual(find(succeeded, 'Initialized'), { status: 'True', reason: 'PodCompleted' })
  assert.deepEqual(find(succeeded, 'PodReadyToStartContainers'), { status: 'False' })
  const failed = conditions(pod, { phase: 'Failed', observed })
  assert.deepEqual(find(failed, 'Ready'), { status: 'False', reason: 'PodFailed' })
  assert.deepEqual(find(failed, 'ContainersReady'), { status: 'False', reason: 'PodFailed' })
})
