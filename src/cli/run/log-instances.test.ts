// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerState, Pod } from '../../kube/types.gen.ts'
import { logInstances } from './log-instances.ts'

const ended = { terminated: { exitCode: 0, containerID: 'process://1' } } as ContainerState
const running: ContainerState = { running: { startedAt: '2026-01-01T00:00:00Z' } }
const waiting: ContainerState = { waiting: { reason: 'CrashLoopBackOff' } }

function lives(restartCount: number, state: ContainerState, lastState: ContainerState = {}) {
  const status = { name: 'a', image: '', imageID: '', ready: false, restartCount, state, lastState }
  const pod = { status: { containerStatuses: [status] } } as unknown as Pod
  return logInstances(pod).map(
    (one) =>
      `${one.restartCount}${one.isPrevious ? ' previous' : ''}${one.hasEnded ? ' ended' : ''}`,
  )
}

test('a container that waits for its first start has no log', () => {
  assert.deepEqual(lives(0, waiting), [])
})

test('a container that was told off before it ever ran has no log', () => {
  assert.deepEqual(lives(0, { terminated: { exitCode: 137 } }), [])
})

test('one that runs or has ended has one', () => {
  assert.deepEqual(lives(0, running), ['0'])
  assert.deepEqual(lives(0, ended), ['0 ended'])
})

test('one that was restarted has the life before too', () => {
  assert.deepEqual(lives(2, running, ended), ['1 previous ended', '2'])
})

test('between two lives the present log is that of the one that ended', () => {
  assert.deepEqual(lives(1, waiting, ended), ['0 ended'])
})
