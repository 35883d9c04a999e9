// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildContainer } from '../../../test/support/build-pod.ts'
import type { RuntimeContainer } from '../container-runtime.ts'
import { foldContainer, type ContainerRecord, type Termination } from './container-record.ts'
import { containerStatus, type StatusInput } from './container-status.ts'

const startedAtMs = Date.UTC(2026, 0, 1)
const pod = { namespace: 'ns', name: 'p', uid: 'u' }
const spec = buildContainer({ image: 'wanted' })

function run(attempt: number, exitCode?: number): RuntimeContainer {
  const state =
    exitCode === undefined
      ? ({ kind: 'running', startedAtMs } as const)
      : ({ kind: 'exited', startedAtMs, finishedAtMs: startedAtMs + 1000, exitCode } as const)
  return {
    key: { pod, name: 'main', attempt },
    containerId: `x://${attempt}`,
    image: 'real',
    imageId: 'sha256:1',
    state,
  }
}

function fold(
  record: ContainerRecord | undefined,
  runs: RuntimeContainer[],
  isComplete = true,
): ContainerRecord | undefined {
  return foldContainer({ record, runs, isComplete, nowMs: startedAtMs + 5000 })
}

function status(input: Partial<StatusInput>): ReturnType<typeof containerStatus> {
  return containerStatus(spec, {
    record: undefined,
    initialReason: 'ContainerCreating',
    isEnding: false,
    ...input,
  })
}

const wait = { reason: 'CrashLoopBackOff', message: 'back-off', untilMs: 0 }

test('a container that never ran waits with the image of its spec', () => {
  assert.deepEqual(status({}), {
    name: 'main',
    state: { waiting: { reason: 'ContainerCreating' } },
    lastState: {},
    ready: false,
    started: false,
    restartCount: 0,
    image: 'wanted',
    imageID: '',
  })
})

test('a running container shows what the runtime has, and its user', () => {
  const user = { uid: 1, gid: 2, supplementalGroups: [3] }
  const record = fold(undefined, [run(0)])
  assert.deepEqual(status({ record, run: { ...run(0), user } }), {
    name: 'main',
    state: { running: { startedAt: '2026-01-01T00:00:00Z' } },
    lastState: {},
    ready: true,
    started: true,
    restartCount: 0,
    image: 'real',
    imageID: 'sha256:1',
    containerID: 'x://0',
    user: { linux: user },
  })
})

test('an exit is terminated, then lastState while it waits, with the count of runs before', () => {
  const record = fold(undefined, [run(0, 1), run(1, 3)])
  const ended = status({ record, run: run(1, 3) })
  assert.equal(ended.state?.terminated?.exitCode, 3)
  assert.equal(ended.state.terminated.reason, 'Error')
  assert.equal(ended.lastState?.terminated?.exitCode, 1)
  assert.equal(ended.restartCount, 1)
  const waiting = status({ record, run: run(1, 3), wait })
  assert.deepEqual(waiting.state, {
    waiting: { reason: 'CrashLoopBackOff', message: 'back-off' },
  })
  assert.equal(waiting.lastState?.terminated?.exitCode, 3)
  assert.equal(waiting.restartCount, 1)
  assert.equal(waiting.containerID, 'x://1')
})

test('a container in back-off is terminated once its pod is being ended', () => {
  const record = fold(undefined, [run(0, 3)])
  const ended = status({ record, wait, isEnding: true })
  assert.equal(ended.state?.terminated?.exitCode, 3)
})

test('a run that is only begun keeps count and last state until the runtime has it', () => {
  const begun: ContainerRecord = {
    attempt: 1,
    stage: 'begun',
    image: 'wanted',
    lastTermination: fold(undefined, [run(0, 3)])?.termination as Termination,
  }
  const before = status({ record: begun, run: run(0, 3) })
  assert.equal(before.restartCount, 0)
  assert.equal(before.lastState?.terminated?.exitCode, 3)
  const after = status({ record: fold(begun, [run(0, 3), run(1)]), run: run(1) })
  assert.equal(after.restartCount, 1)
  assert.equal(after.lastState?.terminated?.exitCode, 3)
})

test('a run that the runtime lost ends with 137, one that was only begun is begun again', () => {
  const record = fold(undefined, [run(0)])
  assert.equal(fold(record, [], false)?.stage, 'started')
  const lost = fold(record, [])
  assert.equal(lost?.termination?.exitCode, 137)
  assert.equal(lost.termination.reason, 'ContainerStatusUnknown')
  const begun: ContainerRecord = { attempt: 0, stage: 'begun', image: 'wanted' }
  assert.equal(fold(begun, [])?.stage, 'begun')
})

test('the end of a run never changes once it is known', () => {
  const ended = fold(undefined, [run(0, 3)])
  assert.equal(fold(ended, [run(0, 4)]), ended)
  assert.equal(fold(ended, []), ended)
})

test('a run that was only begun ends with its pod', () => {
  const record: ContainerRecord = { attempt: 0, stage: 'begun', image: 'wanted' }
  const ended = status({ record, endedAtMs: startedAtMs, isEnding: true })
  assert.deepEqual(ended.state?.terminated, {
    exitCode: 137,
    reason: 'ContainerStatusUnknown',
    message: 'The container could not be located when the pod was terminated',
    finishedAt: '2026-01-01T00:00:00Z',
  })
})

// What that means for the pod is said where its final status is written; see pods/lost-containers.ts.
test('a container that was never begun waits, whatever becomes of its pod', () => {
  const ended = status({ endedAtMs: startedAtMs, isEnding: true })
  assert.deepEqual(ended.state, { waiting: { reason: 'ContainerCreating' } })
})
