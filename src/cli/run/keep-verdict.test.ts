// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunView } from './judge-run.ts'
import { keepVerdict } from './keep-verdict.ts'

type State = RunView['outcome']

function viewOf(outcome: State, pod: { status: string; isStuck: boolean; message: string }) {
  const workload = { uid: 'w', title: 'job/web', state: outcome, message: pod.message }
  return {
    outcome,
    isEndless: false,
    workloads: [workload],
    pods: [{ uid: 'p', name: 'web', ...pod }],
  } as unknown as RunView
}

const stuck = viewOf('failed', { status: 'ErrImagePull', isStuck: true, message: 'no such image' })
const gone = viewOf('running', {
  status: 'ContainerStatusUnknown',
  isStuck: false,
  message: 'lost',
})

test('why a run failed is not lost when what it made is taken down', () => {
  const { outcome, workloads, pods } = keepVerdict(gone, stuck)
  assert.equal(outcome, 'failed')
  assert.equal(workloads[0]?.message, 'no such image')
  assert.equal(pods[0]?.status, 'ErrImagePull')
})

test('a run without a verdict is shown as it is', () => {
  assert.equal(keepVerdict(gone, undefined), gone)
  assert.equal(keepVerdict(stuck, gone), stuck)
})

test('pods that ran are shown as they ended, whatever the verdict', () => {
  const running = viewOf('failed', { status: 'Running', isStuck: false, message: 'deadline' })
  assert.equal(keepVerdict(gone, running).pods[0]?.status, 'ContainerStatusUnknown')
})
