// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import type { ContainerState, ContainerStatus, Pod } from '../../kube/types.gen.ts'
import { computePhase, type PhaseInput } from './pod-phase.ts'

function status(name: string, parts: Partial<ContainerStatus>): ContainerStatus {
  return { name, image: 'i', imageID: '', ready: false, restartCount: 0, ...parts }
}

const running = (name: string, started = true): ContainerStatus =>
  status(name, { state: { running: {} }, started, ready: started })
const waiting = (name: string): ContainerStatus =>
  status(name, { state: { waiting: { reason: 'ContainerCreating' } } })
const exited = (exitCode: number): ContainerState => ({ terminated: { exitCode } })
const ended = (name: string, exitCode: number): ContainerStatus =>
  status(name, { state: exited(exitCode), ready: exitCode === 0 })
const backOff = (name: string, exitCode: number): ContainerStatus =>
  status(name, {
    state: { waiting: { reason: 'CrashLoopBackOff' } },
    lastState: exited(exitCode),
  })

function podWith(restartPolicy: string, init: Pod['spec']['initContainers'] = []): Pod {
  const containers = [buildContainer({ name: 'a' }), buildContainer({ name: 'b' })]
  return buildPod({ spec: { restartPolicy, containers, initContainers: init } })
}

const step = buildContainer({ name: 'init' })
const sidecar = buildContainer({ name: 'side', restartPolicy: 'Always' })

function phase(pod: Pod, observed: Partial<PhaseInput>): string {
  return computePhase(pod, { containers: [], initContainers: [], hasEnded: false, ...observed })
}

test('a pod is Pending until each container has run once', () => {
  const pod = podWith('Always')
  assert.equal(phase(pod, {}), 'Pending')
  assert.equal(phase(pod, { containers: [waiting('a'), waiting('b')] }), 'Pending')
  assert.equal(phase(pod, { containers: [running('a'), waiting('b')] }), 'Pending')
  assert.equal(phase(pod, { containers: [running('a')] }), 'Pending')
  assert.equal(phase(pod, { containers: [running('a'), running('b')] }), 'Running')
})

test('a container in back-off counts as stopped, not as waiting', () => {
  assert.equal(phase(podWith('Always'), { containers: [running('a'), backOff('b', 1)] }), 'Running')
  assert.equal(
    phase(podWith('Always'), { containers: [backOff('a', 0), backOff('b', 1)] }),
    'Running',
  )
})

test('stopped containers make the phase that the restart policy says', () => {
  const cases: readonly [policy: string, a: number, b: number, phase: string][] = [
    ['Always', 0, 0, 'Running'],
    ['Always', 1, 0, 'Running'],
    ['OnFailure', 0, 0, 'Succeeded'],
    ['OnFailure', 0, 1, 'Running'],
    ['Never', 0, 0, 'Succeeded'],
    ['Never', 0, 1, 'Failed'],
  ]
  for (const [policy, a, b, expected] of cases) {
    const containers = [ended('a', a), ended('b', b)]
    assert.equal(phase(podWith(policy), { containers }), expected, `${policy} ${a} ${b}`)
  }
})

test('a deleted pod ends by its exit codes, whatever its restart policy', () => {
  const pod = podWith('Always')
  const deleted = {
    ...pod,
    metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
  }
  assert.equal(phase(deleted, { containers: [running('a'), ended('b', 0)] }), 'Running')
  assert.equal(phase(deleted, { containers: [ended('a', 0), ended('b', 0)] }), 'Succeeded')
  assert.equal(phase(deleted, { containers: [ended('a', 0), ended('b', 137)] }), 'Failed')
})

test('what has ended is terminal: Succeeded only when every container exited with 0', () => {
  const pod = podWith('Always')
  const hasEnded = true
  assert.equal(phase(pod, { hasEnded, containers: [ended('a', 0), ended('b', 0)] }), 'Succeeded')
  assert.equal(phase(pod, { hasEnded, containers: [ended('a', 0), waiting('b')] }), 'Failed')
  assert.equal(phase(pod, { hasEnded }), 'Failed')
  const failure = { reason: 'DeadlineExceeded', message: 'm' }
  const containers = [ended('a', 0), ended('b', 0)]
  assert.equal(phase(pod, { hasEnded, failure, containers }), 'Failed')
  assert.equal(phase(pod, { failure, containers: [running('a'), running('b')] }), 'Running')
})

test('init containers keep a pod Pending, and fail it where they are not restarted', () => {
  const containers = [waiting('a'), waiting('b')]
  const never = podWith('Never', [step])
  const always = podWith('Always', [step])
  for (const pod of [never, always]) {
    assert.equal(phase(pod, { containers, initContainers: [waiting('init')] }), 'Pending')
    assert.equal(phase(pod, { containers, initContainers: [running('init')] }), 'Pending')
    assert.equal(phase(pod, { containers, initContainers: [ended('init', 0)] }), 'Pending')
    const isUp = { containers: [running('a'), running('b')], initContainers: [ended('init', 0)] }
    assert.equal(phase(pod, isUp), 'Running')
  }
  assert.equal(phase(never, { containers, initContainers: [ended('init', 1)] }), 'Failed')
  assert.equal(phase(always, { containers, initContainers: [ended('init', 1)] }), 'Pending')
  assert.equal(phase(always, { containers, initContainers: [backOff('init', 1)] }), 'Pending')
})

test('a failed pod is not terminal while a sidecar still runs', () => {
  const pod = podWith('Never', [sidecar, step])
  const containers = [waiting('a'), waiting('b')]
  const initContainers = [running('side'), ended('init', 1)]
  assert.equal(phase(pod, { containers, initContainers }), 'Pending')
  const stopped = [ended('side', 0), ended('init', 1)]
  assert.equal(phase(pod, { containers, initContainers: stopped }), 'Failed')
})

test('sidecars delay Running until started, count as running, and do not hold a finished pod', () => {
  const pod = podWith('Never', [sidecar])
  const waitingBoth = [waiting('a'), waiting('b')]
  const starting = [running('side', false)]
  assert.equal(phase(pod, { containers: waitingBoth, initContainers: starting }), 'Pending')
  const both = [running('a'), running('b')]
  assert.equal(phase(pod, { containers: both, initContainers: starting }), 'Running')
  const done = [ended('a', 0), ended('b', 0)]
  assert.equal(phase(pod, { containers: done, initContainers: [running('side')] }), 'Running')
  assert.equal(phase(pod, { containers: done, initContainers: [ended('side', 137)] }), 'Succeeded')
})

test('init containers that a backend ignores do not hold back what runs without them', () => {
  const pod = podWith('Always', [step, sidecar])
  assert.equal(phase(pod, { containers: [waiting('a'), waiting('b')] }), 'Pending')
  assert.equal(phase(pod, { containers: [running('a'), running('b')] }), 'Running')
})
