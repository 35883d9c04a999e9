// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodStatus } from '../../kube/types.gen.ts'
import type { AppliedObject } from './apply-objects.ts'
import { judgeRun } from './judge-run.ts'
import type { RunWorld, TrackedPod } from './judge-run.ts'

const nowMs = Date.parse('2026-01-01T00:01:00Z')
const at = (second: number): string => `2026-01-01T00:00:${String(second).padStart(2, '0')}Z`

function root(kind: string, rest: object = {}): AppliedObject {
  const name = kind.toLowerCase()
  const object = { apiVersion: 'v1', kind, metadata: { name, uid: name }, spec: {}, ...rest }
  return {
    resource: { apiVersion: 'v1', kind, plural: `${name}s`, isNamespaced: true },
    namespace: 'default',
    name,
    uid: name,
    isCreated: true,
    object,
  }
}

function tracked(rootUid: string, status: PodStatus, isGone = false): TrackedPod {
  const metadata = {
    name: 'p',
    namespace: 'default',
    uid: `${rootUid}-pod`,
    creationTimestamp: at(0),
  }
  return { rootUid, isGone, pod: { metadata, spec: { containers: [] }, status } }
}

function judge(roots: readonly AppliedObject[], pods: readonly TrackedPod[] = [], more = {}) {
  const states = new Map(roots.map(({ uid, object }) => [uid, { object, isGone: false }]))
  const world: RunWorld = { roots, pods, states, nowMs, ...more }
  return judgeRun(world)
}

const jobWith = (type: string) =>
  root('Job', {
    spec: { completions: 3 },
    status: { succeeded: 2, conditions: [{ type, status: 'True', message: 'because' }] },
  })

test('a Job that is complete succeeded, one that failed says why, others run', () => {
  assert.equal(judge([jobWith('Complete')]).outcome, 'succeeded')
  const failed = judge([jobWith('Failed')])
  assert.equal(failed.outcome, 'failed')
  assert.equal(failed.workloads[0]?.message, 'because')
  const running = judge([jobWith('FailureTarget')])
  assert.equal(running.outcome, 'running')
  assert.deepEqual([running.workloads[0]?.done, running.workloads[0]?.total], [2, 3])
})

test('failed pods of a Job that succeeds in the end are no failure', () => {
  assert.equal(
    judge([jobWith('Complete')], [tracked('job', { phase: 'Failed' })]).outcome,
    'succeeded',
  )
})

test('a run is over when all that may end has ended, whatever serves beside it', () => {
  const service = root('Deployment', { spec: { replicas: 2 }, status: { readyReplicas: 1 } })
  const view = judge([service, jobWith('Complete')])
  assert.equal(view.outcome, 'succeeded')
  assert.equal(view.isEndless, false)
  assert.deepEqual([view.workloads[0]?.done, view.workloads[0]?.total], [1, 2])
})

test('what never ends by itself alone is endless, and so is a pod that always restarts', () => {
  for (const endless of [root('Deployment'), root('CronJob'), root('Pod')]) {
    const view = judge([endless], [tracked(endless.uid, { phase: 'Running' })])
    assert.equal(view.isEndless, true)
    assert.equal(view.outcome, 'running')
  }
})

test('a lone pod counts by its phase', () => {
  const pod = root('Pod', { spec: { restartPolicy: 'Never' } })
  const outcome = (phase: string) => judge([pod], [tracked('pod', { phase })]).outcome
  assert.deepEqual(['Running', 'Succeeded', 'Failed'].map(outcome), [
    'running',
    'succeeded',
    'failed',
  ])
})

test('what is deleted by others before it ended failed; what the run itself deletes did not', () => {
  const job = root('Job', { spec: { completions: 1 } })
  const states = new Map([[job.uid, { object: job.object, isGone: true }]])
  assert.equal(judge([job], [], { states }).outcome, 'failed')
  assert.equal(judge([job], [], { states, isEnding: true }).outcome, 'running')
})

const waiting = (reason: string) => ({
  phase: 'Pending',
  startTime: at(50),
  containerStatuses: [
    {
      name: 'a',
      image: '',
      imageID: '',
      ready: false,
      restartCount: 0,
      state: { waiting: { reason, message: 'no tty' } },
    },
  ],
})

test('a pod that no waiting mends ends the run, at once or when it has stood for long', () => {
  const job = root('Job', { spec: { completions: 1 } })
  const unsupported = judge([job], [tracked('job', waiting('UnsupportedPodSpec'))])
  assert.equal(unsupported.outcome, 'failed')
  assert.match(unsupported.workloads[0]?.message ?? '', /no tty/)
  const broken = [tracked('job', waiting('CreateContainerConfigError'))]
  assert.equal(judge([job], broken).outcome, 'running')
  assert.equal(judge([job], broken, { nowMs: nowMs + 20_000 }).outcome, 'failed')
  assert.equal(judge([job], [tracked('job', waiting('ContainerCreating'))]).outcome, 'running')
})

test('what serves for ever ends the run when none of its pods can ever start', () => {
  const web = root('Deployment', { spec: { replicas: 2 } })
  const stuck = tracked('deployment', waiting('CreateContainerConfigError'))
  const later = { nowMs: nowMs + 20_000 }
  assert.equal(judge([web], [stuck]).outcome, 'running')
  const view = judge([web], [stuck, stuck], later)
  assert.equal(view.outcome, 'failed')
  assert.equal(view.workloads[0]?.message, 'it cannot run: no tty')
  assert.equal(
    judge([web], [stuck, tracked('deployment', { phase: 'Running' })], later).outcome,
    'running',
  )
  assert.equal(judge([web, root('Job')], [stuck], later).outcome, 'running')
  assert.equal(judge([web, jobWith('Complete')], [stuck], later).outcome, 'succeeded')
  const pulledBefore = waiting('ImagePullBackOff')
  const [status] = pulledBefore.containerStatuses
  const lastState = { terminated: { exitCode: 1, startedAt: at(1), finishedAt: at(2) } }
  const ran = { ...pulledBefore, containerStatuses: [{ ...status, lastState }] } as PodStatus
  assert.equal(
    judge([web], [tracked('deployment', ran)], { nowMs: nowMs + 90_000 }).outcome,
    'running',
  )
})

test('one stuck pod among others that run does not end the run', () => {
  const job = root('Job', { spec: { completions: 2 } })
  const pods = [tracked('job', waiting('UnsupportedPodSpec')), tracked('job', { phase: 'Running' })]
  assert.equal(judge([job], pods).outcome, 'running')
})

test('a pod tells its exit code, and how long it waited and ran', () => {
  const status = {
    phase: 'Failed',
    startTime: at(1),
    containerStatuses: [
      {
        name: 'a',
        image: '',
        imageID: '',
        ready: false,
        restartCount: 1,
        state: {
          terminated: { exitCode: 3, reason: 'Error', startedAt: at(4), finishedAt: at(9) },
        },
      },
    ],
  }
  const [view] = judge([root('Job')], [tracked('job', status)]).pods
  const { exitCode, restarts, queueMs, runMs, status: word } = view ?? {}
  assert.deepEqual(
    { exitCode, restarts, queueMs, runMs, word },
    { exitCode: 3, restarts: 1, queueMs: 4000, runMs: 5000, word: 'Error' },
  )
})
