// SPDX-License-Identifier: Apache-2.0
// decide() as a table: what a pod looks like, and what is done about it. A line each for what Kubernetes
// documents of order and restarts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import type { Container, PodSpec } from '../../kube/types.gen.ts'
import type { ContainerRecord, Doom } from './container-record.ts'
import { decide } from './next-step.ts'
import type { ContainerHealth, Decision, Ending } from './pod-state.ts'

const nowMs = 1_800_000_000_000
const graceMs = 30_000

interface Row {
  readonly spec?: Partial<PodSpec>
  /** What is known of containers that were begun. */
  readonly has?: Readonly<Record<string, ContainerRecord>>
  readonly health?: Readonly<Record<string, ContainerHealth>>
  readonly ending?: Ending
  /** `start a 1`, `stop a 30`, `preStop a 30`, `postStart a`, `condemn a 30: message`. */
  readonly does?: readonly string[]
  /** Reasons. */
  readonly waits?: Readonly<Record<string, string>>
  readonly hasEnded?: true
  readonly ends?: Ending['cause']
  readonly reset?: string
}

const runs: ContainerRecord = { attempt: 0, stage: 'started', image: 'example' }

function ended(exitCode: number, parts: Partial<ContainerRecord> = {}): ContainerRecord {
  const { attempt = 0 } = parts
  const facts = {
    reason: 'Error',
    finishedAtMs: nowMs,
    containerId: 'x://',
    image: '',
    imageId: '',
  }
  const termination = { attempt, exitCode, ...facts }
  return { attempt, stage: 'ended', image: 'example', termination, ...parts }
}

const one = (name: string, parts: Partial<Container> = {}): Container =>
  buildContainer({ name, ...parts })
const sidecar = (name: string, parts: Partial<Container> = {}): Container =>
  one(name, { restartPolicy: 'Always', ...parts })
const doom = (cause: Doom['cause']): Doom => ({ cause, message: 'm', deadlineMs: nowMs + graceMs })

const hook = { exec: { command: ['true'] } }
const postStart = { lifecycle: { postStart: hook } }
const preStop = { lifecycle: { preStop: hook } }
const startupProbe = hook
const rules = (action: string): Partial<Container> => ({
  restartPolicy: 'Never',
  restartPolicyRules: [{ action, exitCodes: { operator: 'In', values: [42] } }],
})
const up: ContainerHealth = { started: true, ready: true }
const notUp: ContainerHealth = { started: false, ready: false }
const failing = (probe: 'liveness' | 'startup', graceSeconds?: number): ContainerHealth => ({
  ...up,
  failed: { probe, graceSeconds },
})

const deleted: Ending = { cause: 'deleted', deadlineMs: nowMs + graceMs }
const outOfGrace: Ending = { cause: 'deleted', deadlineMs: nowMs }
const twoMain = { containers: [one('a'), one('b')] }
const twoInit = { initContainers: [one('i'), one('j')], containers: [one('a')] }
const sidecars = { initContainers: [sidecar('s'), sidecar('t')], containers: [one('a')] }
const once = { restartPolicy: 'Never' }

const order: Readonly<Record<string, Row>> = {
  'init containers come one by one, in their order': { spec: twoInit, does: ['start i 0'] },
  'the next init container waits for the success of the one before': {
    spec: twoInit,
    has: { i: runs },
  },
  'after the success of an init container comes the next': {
    spec: twoInit,
    has: { i: ended(0) },
    does: ['start j 0'],
  },
  'after the last init container come the regular ones': {
    spec: twoInit,
    has: { i: ended(0), j: ended(0) },
    does: ['start a 0'],
  },
  'init containers that were through are not run again for what comes later': {
    spec: { ...twoInit, ...once },
    has: { i: ended(0), j: ended(1, { attempt: 3 }), a: runs },
  },
  'an init container that fails is started again where the policy says so': {
    spec: { ...twoInit, restartPolicy: 'OnFailure' },
    has: { i: ended(1) },
    does: ['start i 1'],
  },
  'an init container that fails for good ends its pod': {
    spec: { ...twoInit, ...once },
    has: { i: ended(1) },
    hasEnded: true,
  },
  'an init container that succeeded is not started again under Always': {
    spec: { ...twoInit, restartPolicy: 'Always' },
    has: { i: ended(0), j: runs },
  },
  'regular containers do not wait for each other': {
    spec: twoMain,
    does: ['start a 0', 'start b 0'],
  },
  'a sidecar lets the next container begin once it has started': {
    spec: sidecars,
    has: { s: runs },
    does: ['start t 0'],
  },
  'a sidecar with a startup probe lets nobody begin before that has succeeded': {
    spec: { ...sidecars, initContainers: [sidecar('s', { startupProbe }), sidecar('t')] },
    has: { s: runs },
    health: { s: notUp },
  },
  'a sidecar whose startup probe succeeded lets the next one begin': {
    spec: { ...sidecars, initContainers: [sidecar('s', { startupProbe }), sidecar('t')] },
    has: { s: runs },
    health: { s: up },
    does: ['start t 0'],
  },
  'a sidecar that ended is started again before the next container begins': {
    spec: { ...sidecars, ...once },
    has: { s: ended(0) },
    does: ['start s 1'],
  },
  'a sidecar that ends when all before the regular containers were through holds up nobody': {
    spec: { ...sidecars, ...once },
    has: { s: ended(0), t: runs },
    does: ['start s 1', 'start a 0'],
  },
  'a sidecar is kept running beside regular containers, whatever the policy of the pod': {
    spec: { ...sidecars, ...once },
    has: { s: ended(0), t: runs, a: runs },
    does: ['start s 1'],
  },
  'sidecars do not keep a pod alive whose regular containers are through': {
    spec: { ...sidecars, ...once },
    has: { s: runs, t: runs, a: ended(0) },
    ends: 'finished',
    does: ['stop t 30'],
  },
  'the hook after a start is run once the container runs': {
    spec: { containers: [one('a', postStart)] },
    has: { a: runs },
    does: ['postStart a'],
  },
  'the hook after a start holds up the start of others': {
    spec: { containers: [one('a', postStart), one('b')] },
    has: { a: runs },
    does: ['postStart a'],
  },
  'after the hook the others start': {
    spec: { containers: [one('a', postStart), one('b')] },
    has: { a: { ...runs, postStart: 'done' } },
    does: ['start b 0'],
  },
  'a hook that failed ends the run': {
    spec: { containers: [one('a', postStart)] },
    has: { a: { ...runs, postStart: 'failed' } },
    does: ['condemn a 30: FailedPostStartHook'],
  },
  'a run that its hook has ended is told of by the hook, before its back-off is': {
    spec: { containers: [one('a', postStart)] },
    has: {
      a: ended(137, { doom: doom('postStart'), backoff: { delayMs: 10_000, updatedAtMs: nowMs } }),
    },
    waits: { a: 'PostStartHookError' },
  },
  'the hook of a sidecar holds up the next container': {
    spec: { ...sidecars, initContainers: [sidecar('s', postStart), sidecar('t')] },
    has: { s: runs },
    does: ['postStart s'],
  },
  'ephemeral containers start at any time': {
    spec: { ...twoInit, ephemeralContainers: [one('debug')] },
    has: { i: runs },
    does: ['start debug 0'],
  },
  'ephemeral containers are never started again': {
    spec: { ...twoMain, ephemeralContainers: [one('debug')] },
    has: { a: runs, b: runs, debug: ended(1) },
  },
  'an ephemeral container does not keep a pod alive': {
    spec: { containers: [one('a')], ephemeralContainers: [one('debug')], ...once },
    has: { a: ended(0), debug: runs },
    ends: 'finished',
    does: ['stop debug 30'],
  },
  'in a new sandbox init containers run again, before anything else does': {
    spec: { ...twoInit, restartPolicy: 'Always' },
    has: {
      i: ended(0, { reset: 'sandbox' }),
      j: ended(0, { reset: 'sandbox' }),
      a: ended(137, { reset: 'sandbox' }),
    },
    does: ['start i 1'],
  },
  'while the runs of an old sandbox are being stopped nothing starts': {
    spec: twoInit,
    has: { i: ended(0, { reset: 'sandbox' }), a: { ...runs, doom: doom('sandbox') } },
    does: ['stop a 30'],
  },
  'a regular container that was through stays so in a new sandbox': {
    spec: { ...twoMain, ...once },
    has: { a: ended(0, { reset: 'sandbox' }), b: ended(0, { reset: 'sandbox' }) },
    hasEnded: true,
  },
}

const endings: Readonly<Record<string, Row>> = {
  'a pod that ends stops its regular containers first': {
    spec: sidecars,
    has: { s: runs, t: runs, a: runs },
    ending: deleted,
    does: ['stop a 30'],
  },
  'sidecars are stopped from the last to the first': {
    spec: sidecars,
    has: { s: runs, t: runs, a: ended(0) },
    ending: deleted,
    does: ['stop t 30'],
  },
  'the first sidecar is the last to stop': {
    spec: sidecars,
    has: { s: runs, t: ended(0), a: ended(0) },
    ending: deleted,
    does: ['stop s 30'],
  },
  'when the grace is used up nobody waits for anybody': {
    spec: sidecars,
    has: { s: runs, t: runs, a: runs },
    ending: outOfGrace,
    does: ['stop s 2', 'stop t 2', 'stop a 2'],
  },
  'the hooks before stops begin at once, those of sidecars as well': {
    spec: {
      initContainers: [sidecar('s', preStop)],
      containers: [one('a', preStop)],
    },
    has: { s: runs, a: runs },
    ending: deleted,
    does: ['preStop s 30', 'preStop a 30'],
  },
  'after its hook a container is stopped': {
    spec: { containers: [one('a', preStop)] },
    has: { a: { ...runs, isPreStopDone: true } },
    ending: deleted,
    does: ['stop a 30'],
  },
  'no hook is begun when the grace is used up': {
    spec: { containers: [one('a', preStop)] },
    has: { a: runs },
    ending: outOfGrace,
    does: ['stop a 2'],
  },
  'a pod that ends while an init container runs stops that, and starts nothing': {
    spec: twoInit,
    has: { i: runs },
    ending: deleted,
    does: ['stop i 30'],
  },
  'a pod in which nothing runs has ended at once': {
    spec: twoMain,
    has: { a: ended(1) },
    ending: deleted,
    hasEnded: true,
  },
}

const restarts: Readonly<Record<string, Row>> = {
  'a rule may start a container again that its policy would leave': {
    spec: { containers: [one('a', rules('Restart'))] },
    has: { a: ended(42) },
    does: ['start a 1'],
  },
  'an exit code that no rule names is judged by the policy': {
    spec: { containers: [one('a', rules('Restart'))] },
    has: { a: ended(1) },
    hasEnded: true,
  },
  'a rule may have all containers started anew': {
    spec: { containers: [one('a', rules('RestartAllContainers')), one('b')], ...once },
    has: { a: ended(42), b: runs },
    reset: 'a',
  },
  'while the former runs are being stopped nothing starts': {
    spec: twoInit,
    has: {
      i: ended(0, { reset: 'all' }),
      j: ended(0, { reset: 'all' }),
      a: { ...runs, reset: 'all', doom: doom('reset') },
    },
    does: ['stop a 30'],
  },
  'all is started anew from the first init container': {
    spec: { ...twoInit, ...once },
    has: {
      i: ended(0, { reset: 'all' }),
      j: ended(0, { reset: 'all' }),
      a: ended(42, { reset: 'all' }),
    },
    does: ['start i 1'],
  },
  'rules do not judge what a probe has killed': {
    spec: { containers: [one('a', rules('Restart'))] },
    has: { a: ended(42, { doom: doom('liveness') }) },
    hasEnded: true,
  },
  'a liveness probe that failed ends the run': {
    has: { main: runs },
    health: { main: failing('liveness') },
    does: ['condemn main 30: Container main failed liveness probe, will be restarted'],
  },
  'the grace of a probe comes before that of the pod': {
    has: { main: runs },
    health: { main: failing('liveness', 3) },
    does: ['condemn main 3: Container main failed liveness probe, will be restarted'],
  },
  'what a probe has killed is started again under OnFailure, even after exit 0': {
    spec: { restartPolicy: 'OnFailure' },
    has: { main: ended(0, { doom: doom('liveness') }) },
    does: ['start main 1'],
  },
  'what a probe has killed stays so under Never': {
    spec: once,
    has: { main: ended(137, { doom: doom('startup') }) },
    hasEnded: true,
  },
  'a failed sidecar is spoken of as an init container': {
    spec: sidecars,
    has: { s: runs, t: runs, a: runs },
    health: { s: failing('startup') },
    does: ['condemn s 30: Init container s failed startup probe'],
  },
  'a container that waits for its back-off does not hold up the others': {
    spec: twoMain,
    has: { a: ended(1, { backoff: { delayMs: 10_000, updatedAtMs: nowMs } }) },
    does: ['start b 0'],
    waits: { a: 'CrashLoopBackOff' },
  },
  'an init container in back-off holds up what comes after it': {
    spec: twoInit,
    has: { i: ended(1, { backoff: { delayMs: 10_000, updatedAtMs: nowMs } }) },
    waits: { i: 'CrashLoopBackOff' },
  },
  'a pod with one container through and one that goes on goes on': {
    spec: { ...twoMain, restartPolicy: 'OnFailure' },
    has: { a: ended(0), b: runs },
  },
  'a pod has failed when its containers are through and one failed': {
    spec: { ...twoMain, ...once },
    has: { a: ended(0), b: ended(3) },
    hasEnded: true,
  },
}

/** Policy of the pod, policy of the container, exit code: is it started again? */
const policies: readonly [string, string | undefined, number, boolean][] = [
  ['Always', undefined, 0, true],
  ['Always', undefined, 1, true],
  ['OnFailure', undefined, 0, false],
  ['OnFailure', undefined, 1, true],
  ['Never', undefined, 0, false],
  ['Never', undefined, 1, false],
  ['Always', 'Never', 1, false],
  ['Always', 'OnFailure', 0, false],
  ['Always', 'OnFailure', 1, true],
  ['Never', 'OnFailure', 1, true],
  ['Never', 'Always', 0, true],
  ['OnFailure', 'Always', 0, true],
]

function policyRows(): Readonly<Record<string, Row>> {
  return Object.fromEntries(
    policies.map(([restartPolicy, own, exitCode, isRestarted]) => {
      const container = one('a', own === undefined ? {} : { restartPolicy: own })
      const where =
        own === undefined ? `under ${restartPolicy}` : `${own}, in a pod ${restartPolicy}`
      const row: Row = {
        spec: { restartPolicy, containers: [container] },
        has: { a: ended(exitCode) },
        ...(isRestarted ? { does: ['start a 1'] } : { hasEnded: true }),
      }
      return [`exit ${exitCode} of a container ${where}`, row]
    }),
  )
}

for (const [title, row] of Object.entries({ ...order, ...endings, ...restarts, ...policyRows() })) {
  test(title, () => {
    const { does = [], waits = {}, hasEnded = false, ends, reset } = row
    const decision = decisionOn(row)
    assert.deepEqual(decision.actions.map(inWords), does)
    const reasons = [...decision.waits].map(([name, { reason }]) => [name, reason])
    assert.deepEqual(Object.fromEntries(reasons), waits)
    assert.deepEqual(
      [decision.hasEnded, decision.ends?.ending.cause, decision.reset?.container],
      [hasEnded, ends, reset],
    )
  })
}

function decisionOn({ spec, has = {}, health = {}, ending }: Row): Decision {
  const state = {
    pod: buildPod({ spec: { terminationGracePeriodSeconds: graceMs / 1000, ...spec } }),
    containers: new Map(Object.entries(has)),
    startTimeMs: nowMs,
    canStart: true,
    hasEnded: false,
    startFailures: new Map(),
    health: new Map(Object.entries(health)),
    ending,
  }
  return decide(state, nowMs)
}

function inWords(action: Decision['actions'][number]): string {
  const { kind, container } = action
  if (action.kind === 'start') return `${kind} ${container} ${action.attempt}`
  if (action.kind === 'stop') return `${kind} ${container} ${action.graceMs / 1000}`
  if (action.kind === 'preStop') return `${kind} ${container} ${action.timeoutMs / 1000}`
  return action.kind === 'condemn'
    ? `${kind} ${container} ${(action.doom.deadlineMs - nowMs) / 1000}: ${action.doom.message}`
    : `${kind} ${container}`
}
