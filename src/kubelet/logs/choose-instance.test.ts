// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { podWith } from '../../../test/support/kubelet-stubs.ts'
import type { ContainerState } from '../../kube/types.gen.ts'
import { chooseInstance, hasContainer } from './choose-instance.ts'

const ended: ContainerState = { terminated: { exitCode: 0 } }
const running: ContainerState = { running: {} }
const where = 'container "c0" in pod "p"'

function waiting(reason?: string): ContainerState {
  return { waiting: reason === undefined ? {} : { reason } }
}

const table: readonly (readonly [string, ContainerState, ContainerState, boolean, string])[] = [
  ['a running one', running, ended, false, 'current'],
  ['one that ended', ended, ended, false, 'current'],
  ['one that waits to be restarted', waiting('CrashLoopBackOff'), ended, false, 'previous'],
  ['the one before a running one', running, ended, true, 'previous'],
  ['no one before', running, {}, true, `previous terminated ${where} not found`],
  ['none before an ended one', ended, {}, true, `previous terminated ${where} not found`],
  [
    'one not started',
    waiting('ContainerCreating'),
    {},
    false,
    `${where} is waiting to start: ContainerCreating`,
  ],
  [
    'one whose image fails',
    waiting('ErrImagePull'),
    {},
    false,
    `${where} is waiting to start: image can't be pulled`,
  ],
  [
    'one whose image failed before',
    waiting('ImagePullBackOff'),
    {},
    false,
    `${where} is waiting to start: trying and failing to pull image`,
  ],
  ['one in no state', {}, {}, false, `${where} is waiting to start - no logs yet`],
]

for (const [name, state, lastState, previous, expected] of table) {
  test(`the log of ${name}${previous ? ' (previous)' : ''}: ${expected}`, () => {
    const pod = podWith('p', [{ state, lastState }])
    const choice = chooseInstance(pod, { container: 'c0', previous })
    assert.equal(choice.kind === 'none' ? choice.why : choice.kind, expected)
  })
}

test('a container without a status is not available', () => {
  const { status: _, ...pod } = podWith('p', [{}])
  const choice = chooseInstance(pod, { container: 'c0', previous: false })
  assert.deepEqual(choice, { kind: 'none', why: `${where} is not available` })
})

test('containers of every sort are found, in spec and status', () => {
  const pod = podWith('p', [{}])
  const status = { image: '', imageID: '', ready: false, restartCount: 0, state: running }
  const full = {
    ...pod,
    spec: {
      ...pod.spec,
      initContainers: [{ name: 'init' }],
      ephemeralContainers: [{ name: 'debug' }],
    },
    status: {
      initContainerStatuses: [{ ...status, name: 'init' }],
      ephemeralContainerStatuses: [{ ...status, name: 'debug' }],
    },
  }
  for (const container of ['init', 'debug']) {
    assert.ok(hasContainer(full, container))
    assert.equal(chooseInstance(full, { container, previous: false }).kind, 'current')
  }
  assert.ok(!hasContainer(full, 'other'))
})
