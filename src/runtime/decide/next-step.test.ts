// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import type { Pod } from '../../kube/types.gen.ts'
import type { ContainerRecord, Termination } from './container-record.ts'
import { decide } from './next-step.ts'
import type { Decision, PodState } from './pod-state.ts'

const nowMs = 1_000_000_000

function termination(parts: Partial<Termination> = {}): Termination {
  return {
    attempt: 0,
    exitCode: 1,
    reason: 'Error',
    finishedAtMs: nowMs,
    containerId: 'x://1',
    image: 'example',
    imageId: '',
    ...parts,
  }
}

const started: ContainerRecord = { attempt: 0, stage: 'started', image: 'example' }
const ended = (parts: Partial<Termination> = {}): ContainerRecord => ({
  attempt: parts.attempt ?? 0,
  stage: 'ended',
  image: 'example',
  termination: termination(parts),
})

function ask(
  pod: Pod | undefined,
  state: Partial<Omit<PodState, 'containers'>> & { containers?: Record<string, ContainerRecord> },
  atMs = nowMs,
): Decision {
  const { containers = {}, ...rest } = state
  return decide(
    {
      pod,
      containers: new Map(Object.entries(containers)),
      startTimeMs: nowMs,
      canStart: true,
      hasEnded: false,
      startFailures: new Map(),
      ...rest,
    },
    atMs,
  )
}

const kinds = (decision: Decision): string[] =>
  decision.actions.map((action) => `${action.kind} ${action.container} ${action.attempt}`)

test('starts every container of a new pod in order, and none before it may', () => {
  const containers = [buildContainer({ name: 'a' }), buildContainer({ name: 'b' })]
  const pod = buildPod({ spec: { containers } })
  assert.deepEqual(kinds(ask(pod, {})), ['start a 0', 'start b 0'])
  assert.deepEqual(kinds(ask(pod, { canStart: false })), [])
  assert.deepEqual(kinds(ask(pod, { containers: { a: started } })), ['start b 0'])
})

test('a container that ended is started again at once, then after its back-off', () => {
  const pod = buildPod()
  const first = ask(pod, { containers: { main: ended() } })
  assert.deepEqual(kinds(first), ['start main 1'])
  const [action] = first.actions
  assert(action?.kind === 'start' && action.backoff)
  const crashed = { ...ended({ attempt: 1 }), attempt: 1, backoff: action.backoff }
  const second = ask(pod, { containers: { main: crashed } })
  assert.deepEqual(kinds(second), [])
  assert.equal(second.wakeAtMs, nowMs + 10_000)
  const { uid } = pod.metadata
  assert.deepEqual(second.waits.get('main'), {
    reason: 'CrashLoopBackOff',
    message: `back-off 10s restarting failed container=main pod=pod_ns(${uid})`,
    untilMs: nowMs + 10_000,
  })
  assert.deepEqual(kinds(ask(pod, { containers: { main: crashed } }, nowMs + 10_000)), [
    'start main 2',
  ])
})

test('a hook that failed is told of for a second, without what it said', () => {
  const lifecycle = { postStart: { exec: { command: ['sh', '-c', 'exit 1'] } } }
  const pod = buildPod({ spec: { containers: [buildContainer({ name: 'main', lifecycle })] } })
  const doom = { cause: 'postStart' as const, message: '', deadlineMs: nowMs }
  const backoff = { delayMs: 10_000, updatedAtMs: nowMs }
  const containers = { main: { ...ended(), doom, backoff } }
  const first = ask(pod, { containers }).waits.get('main')
  assert.deepEqual(first, {
    reason: 'PostStartHookError',
    message: `Exec lifecycle hook ([sh -c exit 1]) for Container "main" in Pod "pod_ns(${pod.metadata.uid})" failed`,
    untilMs: nowMs + 1000,
  })
  const later = ask(pod, { containers }, nowMs + 1000).waits.get('main')
  assert.equal(later?.reason, 'CrashLoopBackOff')
  assert.equal(later.untilMs, nowMs + 10_000)
})

test('longer back-offs read as Go durations', () => {
  const backoff = { delayMs: 300_000, updatedAtMs: nowMs }
  const waits = (delayMs: number): string | undefined =>
    ask(buildPod(), {
      containers: { main: { ...ended(), backoff: { ...backoff, delayMs } } },
    }).waits.get('main')?.message
  assert.match(waits(300_000) ?? '', /^back-off 5m0s /)
  assert.match(waits(80_000) ?? '', /^back-off 1m20s /)
})

test('a pod has ended when every container has ended for good', () => {
  const containers = [buildContainer({ name: 'a' }), buildContainer({ name: 'b' })]
  const pod = buildPod({ spec: { restartPolicy: 'OnFailure', containers } })
  const done = ended({ exitCode: 0 })
  assert.equal(ask(pod, { containers: { a: done, b: started } }).hasEnded, false)
  assert.equal(ask(pod, { containers: { a: done } }).hasEnded, false)
  assert.equal(ask(pod, { containers: { a: done, b: ended() } }).hasEnded, false)
  assert.equal(ask(pod, { containers: { a: done, b: done } }).hasEnded, true)
})

test('an ending pod stops what runs within what is left of its grace, two seconds at least', () => {
  const ending = { cause: 'deleted', deadlineMs: nowMs + 30_000 } as const
  const state = { containers: { main: started }, ending }
  const graceAt = (atMs: number): number => {
    const [action] = ask(buildPod(), state, atMs).actions
    assert(action?.kind === 'stop')
    return action.graceMs
  }
  assert.equal(graceAt(nowMs), 30_000)
  assert.equal(graceAt(nowMs + 20_000), 10_000)
  assert.equal(graceAt(nowMs + 29_000), 2000)
  assert.equal(graceAt(nowMs + 90_000), 2000)
})

test('nothing is started once the pod is being deleted, whoever says so', () => {
  const ending = { cause: 'deleted', deadlineMs: nowMs } as const
  const byUs = ask(buildPod(), { containers: { main: ended() }, ending })
  assert.deepEqual([kinds(byUs), byUs.hasEnded], [[], true])
  const deletionTimestamp = '2026-01-01T00:00:00Z'
  const byApi = ask(buildPod({ metadata: { deletionTimestamp } }), {
    containers: { main: started },
  })
  assert.deepEqual([kinds(byApi), byApi.hasEnded], [[], false])
})

test('the active deadline fails the pod, and stops it with its own grace', () => {
  const pod = buildPod({ spec: { activeDeadlineSeconds: 60, terminationGracePeriodSeconds: 7 } })
  const state = { containers: { main: started } }
  assert.equal(ask(pod, state).wakeAtMs, nowMs + 60_000)
  assert.equal(ask(pod, state, nowMs + 59_999).ends, undefined)
  const late = ask(pod, state, nowMs + 60_000)
  assert.equal(late.ends?.failure?.reason, 'DeadlineExceeded')
  assert.deepEqual(late.ends.ending, { cause: 'failed', deadlineMs: nowMs + 67_000 })
  assert.deepEqual(kinds(late), ['stop main 0'])
})

test('a running container whose image changed is stopped, and started whatever the policy', () => {
  const pod = buildPod({
    spec: { restartPolicy: 'Never', containers: [buildContainer({ image: 'newer' })] },
  })
  const running = ask(pod, { containers: { main: started } })
  const message = 'Container main definition changed, will be restarted'
  const doom = { cause: 'changed', message, deadlineMs: nowMs + 30_000 } as const
  assert.deepEqual(running.actions, [{ kind: 'condemn', container: 'main', attempt: 0, doom }])
  assert.deepEqual(ask(pod, { containers: { main: { ...started, doom } } }).actions, [
    { kind: 'stop', container: 'main', attempt: 0, graceMs: 30_000, message },
  ])
  const replaced = { ...ended(), doom }
  assert.deepEqual(kinds(ask(pod, { containers: { main: replaced } })), ['start main 1'])
  assert.equal(ask(pod, { containers: { main: ended() } }).hasEnded, true)
})

test('another image does not wait for the back-off of the last', () => {
  const pod = buildPod({ spec: { containers: [buildContainer({ image: 'newer' })] } })
  const crashed = { ...ended(), backoff: { delayMs: 300_000, updatedAtMs: nowMs } }
  assert.deepEqual(kinds(ask(pod, { containers: { main: crashed } })), ['start main 1'])
})

test('a start that failed waits with its reason, and the others do not', () => {
  const containers = [buildContainer({ name: 'a' }), buildContainer({ name: 'b' })]
  const pod = buildPod({ spec: { containers } })
  const failure = { reason: 'CreateContainerConfigError', message: 'm', retryAtMs: nowMs + 10_000 }
  const decision = ask(pod, { startFailures: new Map([['a', failure]]) })
  assert.deepEqual(kinds(decision), ['start b 0'])
  assert.equal(decision.waits.get('a')?.reason, 'CreateContainerConfigError')
  assert.equal(decision.wakeAtMs, nowMs + 10_000)
})

test('containers of an unknown pod are left alone until it is deleted', () => {
  const state = { containers: { main: started } }
  assert.deepEqual(ask(undefined, state), { actions: [], waits: new Map(), hasEnded: false })
  assert.equal(ask(undefined, { containers: { main: ended() } }).hasEnded, false)
  const ending = { cause: 'deleted', deadlineMs: nowMs } as const
  assert.deepEqual(kinds(ask(undefined, { ...state, ending })), ['stop main 0'])
  assert.equal(ask(undefined, { containers: { main: ended() }, ending }).hasEnded, true)
})
