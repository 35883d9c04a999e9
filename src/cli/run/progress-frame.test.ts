// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunView } from './judge-run.ts'
import type { PodView } from './pod-view.ts'
import { progressFrame } from './progress-frame.ts'

const workload = {
  uid: 'u',
  title: 'job/crunch',
  namespace: 'default',
  isEndless: false,
  state: 'running' as const,
  done: 3,
  failed: 1,
  active: 4,
  total: 12,
  message: undefined,
}

function pod(name: string, more: Partial<PodView> = {}): PodView {
  return {
    uid: name,
    namespace: 'default',
    name,
    rootUid: 'u',
    node: 'node-1',
    phase: 'Running',
    status: 'Running',
    message: undefined,
    hasEnded: false,
    isStuck: false,
    isGone: false,
    exitCode: undefined,
    restarts: 0,
    queueMs: 0,
    runMs: 2000,
    ...more,
  }
}

function frame(pods: readonly PodView[], size = { columns: 80, rows: 8 }): readonly string[] {
  const view: RunView = { workloads: [workload], pods, isEndless: false, outcome: 'running' }
  return progressFrame(view, { ...size, hasColor: false })
}

test('a bar for the workload and a line for each pod that is under way', () => {
  const lines = frame([pod('a'), pod('b', { hasEnded: true }), pod('c', { restarts: 2 })])
  assert.deepEqual(lines, [
    '• job/crunch ████████▒▒▒▒▒▒▒▒▒▒░░░░░░░░░░░░ 3/12, 4 active, 1 failed',
    '  a  Running  2s',
    '  c  Running  2s  2 restarts',
  ])
})

test('trouble comes first, and what does not fit is counted', () => {
  const many = Array.from({ length: 30 }, (_, index) => pod(`p${index}`))
  const stuck = pod('bad', { phase: 'Pending', status: 'ErrImagePull', message: 'no such file' })
  const lines = frame([...many, stuck])
  assert.equal(lines.length, 8)
  assert.match(lines[1] ?? '', /bad +ErrImagePull.*no such file/)
  assert.match(lines.at(-1) ?? '', /and 25 more pods/)
})

test('no line is wider than the terminal', () => {
  const long = pod('x', { status: 'Odd', message: 'many words '.repeat(30) })
  for (const line of frame([long], { columns: 60, rows: 8 })) assert.ok(line.length <= 60, line)
})
