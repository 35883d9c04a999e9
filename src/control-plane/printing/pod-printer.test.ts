// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, ContainerStatus, PodSpec, PodStatus } from '../../kube/types.gen.ts'
import { podPrinter } from './pod-printer.ts'

const nowMs = Date.parse('2026-01-02T00:10:00Z')

function container(name: string, restartPolicy?: string): Container {
  return { name, image: 'x', ...(restartPolicy !== undefined && { restartPolicy }) }
}

const one: PodSpec = { containers: [container('a')] }
const two: PodSpec = { containers: [container('a'), container('b')] }
const withInit: PodSpec = {
  initContainers: [container('i1'), container('side', 'Always'), container('i2')],
  containers: [container('a')],
}

function status(name: string, given: Partial<ContainerStatus>): ContainerStatus {
  return { name, image: 'x', imageID: '', ready: false, restartCount: 0, ...given }
}

const running = { running: { startedAt: '2026-01-02T00:00:00Z' } }
const completed = { terminated: { exitCode: 0, reason: 'Completed' } }
const waiting = (reason: string) => ({ waiting: { reason } })
const endedAt = (finishedAt: string) => ({ terminated: { exitCode: 1, finishedAt } })

function print(spec: PodSpec, podStatus: PodStatus, metadata: object = {}): readonly unknown[] {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', creationTimestamp: '2026-01-02T00:09:00Z', ...metadata },
    spec,
    status: podStatus,
  }
  return podPrinter.row(pod, nowMs)
}

interface Case {
  readonly what: string
  readonly spec?: PodSpec
  readonly status: PodStatus
  readonly metadata?: object
  /** Ready, status and restarts. */
  readonly shows: readonly [string, string, string]
}

const initialized = [{ type: 'Initialized', status: 'True' }]
const deleted = { deletionTimestamp: '2026-01-02T00:09:30Z' }

const cases: readonly Case[] = [
  { what: 'a pod that nobody runs', status: { phase: 'Pending' }, shows: ['0/1', 'Pending', '0'] },
  {
    what: 'a reason in place of the phase',
    status: { phase: 'Failed', reason: 'Evicted' },
    shows: ['0/1', 'Evicted', '0'],
  },
  {
    what: 'containers that run, and when one of them last ended',
    spec: two,
    status: {
      phase: 'Running',
      containerStatuses: [
        status('a', {
          ready: true,
          restartCount: 2,
          state: running,
          lastState: endedAt('2026-01-02T00:05:00Z'),
        }),
        status('b', {
          ready: true,
          restartCount: 1,
          state: running,
          lastState: endedAt('2026-01-01T00:05:00Z'),
        }),
      ],
    },
    shows: ['2/2', 'Running', '3 (5m ago)'],
  },
  {
    what: 'restarts without a date when none is known',
    status: {
      phase: 'Running',
      containerStatuses: [status('a', { ready: true, restartCount: 4, state: running })],
    },
    shows: ['1/1', 'Running', '4'],
  },
  {
    what: 'why a container waits',
    status: {
      phase: 'Running',
      containerStatuses: [status('a', { restartCount: 5, state: waiting('CrashLoopBackOff') })],
    },
    shows: ['0/1', 'CrashLoopBackOff', '5'],
  },
  {
    what: 'the first container of several that wait',
    spec: two,
    status: {
      phase: 'Pending',
      containerStatuses: [
        status('a', { state: waiting('ErrImagePull') }),
        status('b', { state: waiting('ContainerCreating') }),
      ],
    },
    shows: ['0/2', 'ErrImagePull', '0'],
  },
  {
    what: 'success',
    status: { phase: 'Succeeded', containerStatuses: [status('a', { state: completed })] },
    shows: ['0/1', 'Completed', '0'],
  },
  {
    what: 'an exit code without a reason',
    status: {
      phase: 'Failed',
      containerStatuses: [status('a', { state: { terminated: { exitCode: 3 } } })],
    },
    shows: ['0/1', 'ExitCode:3', '0'],
  },
  {
    what: 'a signal without a reason',
    status: {
      phase: 'Failed',
      containerStatuses: [status('a', { state: { terminated: { exitCode: 137, signal: 9 } } })],
    },
    shows: ['0/1', 'Signal:9', '0'],
  },
  {
    what: 'a ready pod of which one container is done',
    spec: two,
    status: {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: 'True' }],
      containerStatuses: [
        status('a', { state: completed }),
        status('b', { ready: true, state: running }),
      ],
    },
    shows: ['1/2', 'Running', '0'],
  },
  {
    what: 'the same when the pod is not ready',
    spec: two,
    status: {
      phase: 'Running',
      containerStatuses: [
        status('a', { state: completed }),
        status('b', { ready: true, state: running }),
      ],
    },
    shows: ['1/2', 'NotReady', '0'],
  },
  {
    what: 'a failure behind a success',
    spec: two,
    status: {
      phase: 'Failed',
      containerStatuses: [
        status('a', { state: completed }),
        status('b', { state: { terminated: { exitCode: 2, reason: 'OOMKilled' } } }),
      ],
    },
    shows: ['0/2', 'OOMKilled', '0'],
  },
  {
    what: 'how far initialization is',
    spec: withInit,
    status: {
      phase: 'Pending',
      initContainerStatuses: [
        status('i1', { ready: true, restartCount: 1, state: completed }),
        status('side', { ready: true, started: true, restartCount: 3, state: running }),
        status('i2', { restartCount: 4, state: running }),
      ],
      containerStatuses: [status('a', { state: waiting('PodInitializing') })],
    },
    shows: ['1/2', 'Init:2/3', '8'],
  },
  {
    what: 'initialization that waits for a container to start',
    spec: withInit,
    status: {
      phase: 'Pending',
      initContainerStatuses: [
        status('i1', { state: completed }),
        status('side', { started: false, restartCount: 3, state: running }),
        status('i2', { restartCount: 9, state: running }),
      ],
    },
    shows: ['0/2', 'Init:1/3', '3'],
  },
  {
    what: 'initialization that failed',
    spec: withInit,
    status: {
      phase: 'Pending',
      initContainerStatuses: [status('i1', { state: { terminated: { exitCode: 5 } } })],
    },
    shows: ['0/2', 'Init:ExitCode:5', '0'],
  },
  {
    what: 'initialization that fails again and again',
    spec: withInit,
    status: {
      phase: 'Pending',
      initContainerStatuses: [
        status('i1', { restartCount: 2, state: waiting('CrashLoopBackOff') }),
      ],
    },
    shows: ['0/2', 'Init:CrashLoopBackOff', '2'],
  },
  {
    what: 'only restarts of what goes on, once initialized',
    spec: withInit,
    status: {
      phase: 'Running',
      conditions: initialized,
      initContainerStatuses: [
        status('i1', { restartCount: 1, state: completed }),
        status('side', { ready: true, started: true, restartCount: 3, state: running }),
        status('i2', { restartCount: 4, state: completed }),
      ],
      containerStatuses: [status('a', { ready: true, restartCount: 6, state: running })],
    },
    shows: ['2/2', 'Running', '9'],
  },
  {
    what: 'a pod that is being deleted',
    status: {
      phase: 'Running',
      containerStatuses: [status('a', { ready: true, state: running })],
    },
    metadata: deleted,
    shows: ['1/1', 'Terminating', '0'],
  },
  {
    what: 'a deleted pod that has ended by its end',
    status: { phase: 'Succeeded', containerStatuses: [status('a', { state: completed })] },
    metadata: deleted,
    shows: ['0/1', 'Completed', '0'],
  },
  {
    what: 'a deleted pod whose node is lost',
    status: { phase: 'Running', reason: 'NodeLost' },
    metadata: deleted,
    shows: ['0/1', 'Unknown', '0'],
  },
  {
    what: 'a pod that must not be scheduled yet',
    status: {
      phase: 'Pending',
      conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }],
    },
    shows: ['0/1', 'SchedulingGated', '0'],
  },
]

for (const { what, spec = one, status: podStatus, metadata, shows } of cases) {
  test(`shows ${what}`, () => {
    assert.deepEqual(print(spec, podStatus, metadata).slice(1, 4), shows)
  })
}

test('has the columns that kubectl expects', () => {
  const shown = podPrinter.columns.map(({ name, priority }) => `${name}${priority ? '*' : ''}`)
  assert.equal(
    shown.join('|'),
    'Name|Ready|Status|Restarts|Age|IP*|Node*|Nominated Node*|Readiness Gates*',
  )
})

test('shows where a pod runs and which of its gates are open', () => {
  const spec = {
    ...one,
    nodeName: 'n1',
    readinessGates: [{ conditionType: 'x' }, { conditionType: 'y' }],
  }
  const podStatus = { podIPs: [{ ip: '10.0.0.9' }], conditions: [{ type: 'x', status: 'True' }] }
  assert.deepEqual(print(spec, podStatus).slice(4), ['60s', '10.0.0.9', 'n1', '<none>', '1/2'])
  const nominated = print(one, { nominatedNodeName: 'n2' })
  assert.deepEqual(nominated.slice(5), ['<none>', '<none>', 'n2', '<none>'])
})

test('marks the rows of pods that have ended', () => {
  const conditionsOf = (phase: string) =>
    podPrinter.conditions?.({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p' },
      status: { phase },
    })
  const completed = { type: 'Completed', status: 'True' }
  assert.deepEqual(conditionsOf('Running'), [])
  assert.deepEqual(conditionsOf('Succeeded'), [
    { ...completed, reason: 'Succeeded', message: 'The pod has completed successfully.' },
  ])
  assert.deepEqual(conditionsOf('Failed'), [
    { ...completed, reason: 'Failed', message: 'The pod failed.' },
  ])
})
