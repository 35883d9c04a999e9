// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import type { ContainerStatus } from '../../kube/types.gen.ts'
import { viewPod } from './pod-view.ts'
import type { PodWarning } from './pod-view.ts'

const context = { rootUid: 'job', isGone: false, nowMs: 0 }

function ended(name: string, exitCode: number): ContainerStatus {
  const terminated = { exitCode, reason: exitCode === 0 ? 'Completed' : 'Error' }
  return { name, ready: false, restartCount: 0, image: '', imageID: '', state: { terminated } }
}

function view(phase: string, codes: { readonly side: number; readonly main: number }) {
  const initContainers = [buildContainer({ name: 'side', restartPolicy: 'Always' })]
  const pod = buildPod({ spec: { initContainers } })
  const status = {
    phase,
    initContainerStatuses: [ended('side', codes.side)],
    containerStatuses: [ended('main', codes.main)],
  }
  const { status: word, exitCode } = viewPod({ ...pod, status }, context)
  return [word, exitCode]
}

test('a sidecar that had to be killed in the end says nothing about its pod', () => {
  assert.deepEqual(view('Succeeded', { side: 137, main: 0 }), ['Succeeded', 0])
  assert.deepEqual(view('Failed', { side: 137, main: 3 }), ['Error', 3])
})

test('one that fails while the others run is what stands in their way', () => {
  assert.deepEqual(view('Running', { side: 5, main: 0 }), ['Error', 5])
})

test('a pod that waits without a word of its own has the newest warning about it', () => {
  const warning = { reason: 'FailedMount', message: 'configmap "words" not found' }
  const waiting = { reason: 'ContainerCreating' }
  const status = (phase: string, reason = waiting.reason) => ({
    phase,
    containerStatuses: [{ ...ended('main', 0), state: { waiting: { reason } } }],
  })
  const say = (of: ReturnType<typeof status>) => {
    const { status: word, message } = viewPod(
      { ...buildPod(), status: of },
      { ...context, warning },
    )
    return [word, message]
  }
  assert.deepEqual(say(status('Pending')), ['FailedMount', warning.message])
  assert.deepEqual(say(status('Pending', 'ErrImagePull')), ['ErrImagePull', undefined])
  assert.deepEqual(say(status('Running')), ['Running', undefined])
})

const lost = { exitCode: 137, reason: 'ContainerStatusUnknown', message: 'could not be located' }

test('a pod that ended before it started tells what ended it, and no exit code', () => {
  const never = { ...ended('main', 0), state: { terminated: lost } }
  const say = (status: object, warning?: PodWarning) => {
    const failed = { phase: 'Failed', containerStatuses: [never], ...status }
    const pod = { ...buildPod(), status: failed }
    const { status: word, message, exitCode } = viewPod(pod, { ...context, warning })
    return [word, message, exitCode]
  }
  const deadline = { reason: 'DeadlineExceeded', message: 'It took too long' }
  assert.deepEqual(say(deadline), ['DeadlineExceeded', 'It took too long', undefined])
  assert.deepEqual(say({}), ['NeverStarted', 'it ended before it started', undefined])
  const warning = { reason: 'Failed', message: 'no such image' }
  assert.deepEqual(say({}, warning), ['NeverStarted', 'no such image', undefined])
})

test('a container that ran and was lost keeps the exit code that stands for it', () => {
  for (const trace of [{ restartCount: 1 }, { containerID: 'process://1' }]) {
    const was = { ...ended('main', 0), state: { terminated: lost }, ...trace }
    const pod = { ...buildPod(), status: { phase: 'Failed', containerStatuses: [was] } }
    const { status, exitCode } = viewPod(pod, context)
    assert.deepEqual([status, exitCode], ['ContainerStatusUnknown', 137])
  }
})
