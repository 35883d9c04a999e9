// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClusterApi, controlledBy } from '../../../../test/support/fake-cluster-api.ts'
import { HandKubelet, newJob } from '../../../../test/support/workload-objects.ts'
import { tries } from '../../../../test/support/test-size.ts'
import { pods } from '../../../kube/resources.ts'
import type { JobSpec, JobStatus, Pod } from '../../../kube/types.gen.ts'
import { FakeClock } from '../../../util/fake-clock.ts'
import { silentLogger } from '../../../util/logger.ts'
import { jobs } from '../workload/workload-resources.ts'
import { startJobController } from './job-controller.ts'

const at = { namespace: 'default', name: 'work' }

class World implements AsyncDisposable {
  readonly clock = new FakeClock()
  readonly api = new FakeClusterApi(this.clock)
  readonly kubelet = new HandKubelet(this.api, this.clock)
  readonly #controller = startJobController({
    api: this.api,
    clock: this.clock,
    log: silentLogger,
  })

  async run(spec: Partial<JobSpec> = {}): Promise<void> {
    await this.api.create(jobs, newJob(spec))
    await this.settle()
  }

  /** Lets pods that changed together be looked at together. */
  async settle(): Promise<void> {
    for (let round = 0; round < 4; round += 1) {
      await this.api.settled()
      await this.clock.advance(20)
    }
    await this.api.settled()
  }

  get status(): JobStatus {
    return this.api.get(jobs, at)?.status ?? {}
  }

  get conditions(): readonly string[] {
    return (this.status.conditions ?? []).map(
      ({ type, status, reason }) => `${type}=${status} ${reason}`,
    )
  }

  get pods(): readonly Pod[] {
    return this.api.list(pods)
  }

  get events(): readonly string[] {
    return this.api.eventsOf('work').filter((event) => !event.includes('Created pod: '))
  }

  async end(exitCode: number, count = Infinity): Promise<void> {
    for (const pod of this.kubelet.activePods.slice(0, count)) this.kubelet.end(pod, exitCode)
    await this.settle()
  }

  async pass(seconds: number): Promise<void> {
    await this.clock.advance(seconds * 1000)
    await this.settle()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#controller[Symbol.asyncDispose]()
  }
}

test('runs a pod to completion, in the steps that clients see', async () => {
  await using world = new World()
  await world.run()
  const [pod] = world.pods
  assert.match(pod!.metadata.name, /^work-/)
  assert.deepEqual(pod!.metadata.finalizers, ['batch.kubernetes.io/job-tracking'])
  assert.deepEqual(pod!.metadata.ownerReferences, [controlledBy(world.api.get(jobs, at)!)])
  assert.deepEqual(world.status, {
    active: 1,
    ready: 0,
    terminating: 0,
    startTime: '2026-01-01T00:00:00Z',
    uncountedTerminatedPods: {},
  })
  await world.kubelet.startAll()
  await world.settle()
  assert.equal(world.status.ready, 1)
  await world.pass(3)
  await world.end(0)
  assert.deepEqual(world.status, {
    ready: 0,
    terminating: 0,
    succeeded: 1,
    startTime: '2026-01-01T00:00:00Z',
    completionTime: '2026-01-01T00:00:03Z',
    uncountedTerminatedPods: {},
    conditions: ['SuccessCriteriaMet', 'Complete'].map((type) => ({
      type,
      status: 'True',
      lastProbeTime: '2026-01-01T00:00:03Z',
      lastTransitionTime: '2026-01-01T00:00:03Z',
      reason: 'CompletionsReached',
      message: 'Reached expected number of succeeded pods',
    })),
  })
  assert.equal(world.pods[0]?.metadata.finalizers, undefined)
  assert.deepEqual(world.api.eventsOf('work'), [
    `Normal SuccessfulCreate Created pod: ${pod!.metadata.name}`,
    'Normal Completed Job completed',
  ])
})

test('keeps parallelism pods running until the completions are reached', async () => {
  await using world = new World()
  await world.run({ parallelism: 3, completions: 5 })
  assert.equal(world.kubelet.activePods.length, 3)
  await world.end(0, 2)
  assert.equal(world.kubelet.activePods.length, 3)
  await world.end(0, 1)
  assert.equal(world.kubelet.activePods.length, 2)
  await world.end(0)
  assert.equal(world.status.succeeded, 5)
  assert.ok(world.conditions.includes('Complete=True CompletionsReached'))
  assert.equal(world.pods.length, 5)
})

test('without completions, the first success lets the others finish', async () => {
  await using world = new World()
  const { completions: _none, ...spec } = newJob().spec
  await world.api.create(jobs, { metadata: at, spec: { ...spec, parallelism: 3 } })
  await world.settle()
  await world.end(0, 1)
  assert.equal(world.kubelet.activePods.length, 2)
  assert.equal(world.conditions.length, 0)
  await world.end(1, 1)
  await world.pass(60)
  assert.equal(world.kubelet.activePods.length, 1, 'no replacement')
  await world.end(0)
  assert.ok(world.conditions.includes('Complete=True CompletionsReached'))
  assert.equal(world.status.failed, 1)
})

test('replaces failed pods after 10 s, 20 s, 40 s, and fails at the limit', async () => {
  await using world = new World()
  await world.run({ backoffLimit: 3 })
  for (const seconds of [10, 20, 40]) {
    await world.end(1)
    await world.pass(seconds - 1)
    assert.equal(world.kubelet.activePods.length, 0, `within ${seconds} s`)
    await world.pass(1)
    assert.equal(world.kubelet.activePods.length, 1, `after ${seconds} s`)
  }
  await world.end(1)
  assert.equal(world.status.failed, 4)
  assert.deepEqual(world.conditions, [
    'FailureTarget=True BackoffLimitExceeded',
    'Failed=True BackoffLimitExceeded',
  ])
  assert.deepEqual(world.events, [
    'Warning BackoffLimitExceeded Job has reached the specified backoff limit',
  ])
})

test('an Indexed Job gives each index to one pod, with annotation, label, variable and hostname', async () => {
  await using world = new World()
  await world.run({ completionMode: 'Indexed', completions: 5, parallelism: 3 })
  const key = 'batch.kubernetes.io/job-completion-index'
  for (const [index, { metadata, spec }] of world.pods.entries()) {
    assert.ok(metadata.name.startsWith(`work-${index}-`))
    assert.equal(metadata.annotations?.[key], `${index}`)
    assert.equal(metadata.labels?.[key], `${index}`)
    assert.equal(spec.hostname, `work-${index}`)
    assert.deepEqual(spec.containers[0]?.env, [
      {
        name: 'JOB_COMPLETION_INDEX',
        valueFrom: { fieldRef: { fieldPath: `metadata.labels['${key}']` } },
      },
    ])
  }
  world.kubelet.end(world.pods[1]!, 0)
  await world.settle()
  assert.equal(world.status.completedIndexes, '1')
  const running = world.kubelet.activePods.map(({ metadata }) => metadata.labels?.[key])
  assert.deepEqual(new Set(running), new Set(['0', '2', '3']))
  await world.end(0)
  assert.equal(world.status.completedIndexes, '0-3')
  await world.end(0)
  assert.equal(world.status.completedIndexes, '0-4')
  assert.equal(world.status.succeeded, 5)
  assert.ok(world.conditions.includes('Complete=True CompletionsReached'))
})

test('counts failures per index, and fails when an index has failed and the others are done', async () => {
  await using world = new World()
  await world.run({
    completionMode: 'Indexed',
    completions: 2,
    parallelism: 2,
    backoffLimit: 2 ** 31 - 1,
    backoffLimitPerIndex: 1,
  })
  const [zero, one] = world.kubelet.activePods
  world.kubelet.end(zero!, 1)
  world.kubelet.end(one!, 0)
  await world.settle()
  assert.equal(world.status.failedIndexes, '')
  await world.pass(10)
  const [again] = world.kubelet.activePods
  const failures = 'batch.kubernetes.io/job-index-failure-count'
  assert.equal(again?.metadata.annotations?.[failures], '1')
  assert.equal(world.status.failed, 1)
  await world.end(1)
  assert.equal(world.status.failedIndexes, '0')
  assert.equal(world.status.completedIndexes, '1')
  assert.deepEqual(world.conditions, [
    'FailureTarget=True FailedIndexes',
    'Failed=True FailedIndexes',
  ])
  assert.equal(world.status.failed, 2)
})

test('fails as soon as more indexes than maxFailedIndexes have failed', async () => {
  await using world = new World()
  await world.run({
    completionMode: 'Indexed',
    completions: 10,
    parallelism: 4,
    backoffLimit: 2 ** 31 - 1,
    backoffLimitPerIndex: 0,
    maxFailedIndexes: 1,
  })
  await world.kubelet.startAll()
  await world.settle()
  await world.end(1, 2)
  assert.deepEqual(world.conditions, ['FailureTarget=True MaxFailedIndexesExceeded'])
  await world.kubelet.reap()
  await world.settle()
  assert.ok(world.conditions.includes('Failed=True MaxFailedIndexesExceeded'))
})

test('a success policy ends the Job early and its other pods with it', async () => {
  await using world = new World()
  await world.run({
    completionMode: 'Indexed',
    completions: 3,
    parallelism: 3,
    successPolicy: { rules: [{ succeededIndexes: '0,2', succeededCount: 1 }] },
  })
  await world.kubelet.startAll()
  await world.settle()
  world.kubelet.end(world.pods[2]!, 0)
  await world.settle()
  assert.deepEqual(world.conditions, ['SuccessCriteriaMet=True SuccessPolicy'])
  await world.kubelet.reap()
  await world.settle()
  assert.deepEqual(world.conditions, [
    'SuccessCriteriaMet=True SuccessPolicy',
    'Complete=True SuccessPolicy',
  ])
  assert.equal(world.status.conditions?.[0]?.message, 'Matched rules at index 0')
  assert.equal(world.status.succeeded, 1)
  assert.equal(world.status.failed, undefined)
})

test('a pod failure policy fails the Job at once, or ignores the failure', async () => {
  await using world = new World()
  await world.run({
    parallelism: 2,
    completions: 2,
    podReplacementPolicy: 'Failed',
    podFailurePolicy: {
      rules: [
        { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
        { action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } },
      ],
    },
  })
  await world.kubelet.startAll()
  await world.settle()
  const [first] = world.kubelet.activePods
  world.api.setPodStatus(first!.metadata, {
    phase: 'Failed',
    conditions: [{ type: 'DisruptionTarget', status: 'True' }],
  })
  await world.settle()
  await world.pass(10)
  assert.equal(world.kubelet.activePods.length, 2)
  assert.equal(world.status.failed, undefined)
  const fatal = world.kubelet.activePods[0]!
  await world.end(42, 1)
  const message = `Container main for pod default/${fatal.metadata.name} failed with exit code 42 matching FailJob rule at index 1`
  assert.equal(world.status.conditions?.[0]?.message, message)
  await world.kubelet.reap(143)
  await world.settle()
  assert.deepEqual(world.conditions, [
    'FailureTarget=True PodFailurePolicy',
    'Failed=True PodFailurePolicy',
  ])
  assert.ok(world.events.includes(`Warning PodFailurePolicy ${message}`))
})

test('a Job that has been active for too long fails, and its pods end', async () => {
  await using world = new World()
  await world.run({ activeDeadlineSeconds: 30 })
  await world.kubelet.startAll()
  await world.settle()
  await world.pass(29)
  assert.equal(world.conditions.length, 0)
  await world.pass(1)
  assert.deepEqual(world.conditions, ['FailureTarget=True DeadlineExceeded'])
  assert.equal(world.status.terminating, 1)
  await world.kubelet.reap()
  await world.settle()
  assert.ok(world.conditions.includes('Failed=True DeadlineExceeded'))
  assert.equal(world.status.failed, 1)
  assert.equal(world.pods.length, 0)
})

test('suspending deletes the pods without counting them; resuming starts the clock anew', async () => {
  await using world = new World()
  await world.run({ suspend: true, activeDeadlineSeconds: 30 })
  assert.deepEqual(world.conditions, ['Suspended=True JobSuspended'])
  assert.equal(world.status.startTime, undefined)
  await world.pass(60)
  await world.api.patch(jobs, at, { spec: { suspend: false } })
  await world.settle()
  assert.deepEqual(world.conditions, ['Suspended=False JobResumed'])
  assert.equal(world.status.startTime, '2026-01-01T00:01:00Z')
  await world.kubelet.startAll()
  await world.settle()
  await world.api.patch(jobs, at, { spec: { suspend: true } })
  await world.settle()
  assert.equal(world.kubelet.activePods.length, 0)
  assert.equal(world.status.terminating, 1)
  await world.kubelet.reap(143)
  await world.settle()
  assert.equal(world.status.failed, undefined)
  assert.deepEqual(
    world.events.filter((event) => !event.includes('Deleted pod')),
    [
      'Normal Suspended Job suspended',
      'Normal Resumed Job resumed',
      'Normal Suspended Job suspended',
    ],
  )
})

test('a pod that is deleted counts as failed and is replaced, at once or when it has ended', async () => {
  for (const podReplacementPolicy of ['TerminatingOrFailed', 'Failed']) {
    await using world = new World()
    await world.run({ podReplacementPolicy })
    await world.kubelet.startAll()
    await world.settle()
    await world.api.delete(pods, world.pods[0]!.metadata)
    await world.settle()
    await world.pass(10)
    const isEager = podReplacementPolicy === 'TerminatingOrFailed'
    assert.equal(world.kubelet.activePods.length, isEager ? 1 : 0, podReplacementPolicy)
    await world.kubelet.reap(143)
    await world.settle()
    await world.pass(10)
    assert.equal(world.kubelet.activePods.length, 1)
    assert.equal(world.status.failed, 1)
  }
})

test('a pod that vanished between the two steps of counting is counted once', async () => {
  await using world = new World()
  await world.run({ parallelism: 2, completions: 2 })
  let isBroken = true
  world.api.before = ({ verb, resource, body }) => {
    if (
      isBroken &&
      verb === 'patch' &&
      resource === pods &&
      JSON.stringify(body).includes('final')
    ) {
      throw new Error('connection lost')
    }
  }
  const [pod] = world.pods
  await world.end(0, 1)
  assert.deepEqual(world.status.uncountedTerminatedPods, { succeeded: [pod!.metadata.uid] })
  assert.equal(world.status.succeeded, undefined)
  world.api.vanish(pods, pod!.metadata)
  isBroken = false
  await world.pass(2)
  assert.equal(world.status.succeeded, 1)
  assert.deepEqual(world.status.uncountedTerminatedPods, {})
})

test('a finished Job is deleted when its time to live is over', async () => {
  await using world = new World()
  await world.run({ ttlSecondsAfterFinished: 100 })
  await world.end(0)
  await world.pass(99)
  assert.equal(world.api.get(jobs, at)?.metadata.deletionTimestamp, undefined)
  await world.pass(1)
  const { deletionTimestamp, finalizers } = world.api.get(jobs, at)!.metadata
  assert.ok(deletionTimestamp)
  assert.deepEqual(finalizers, ['foregroundDeletion'])
})

test('pods whose Job is gone, or that nobody owns any more, lose the finalizer', async () => {
  await using world = new World()
  await world.run({ parallelism: 2, completions: 2 })
  await world.kubelet.startAll()
  await world.settle()
  const [freed] = world.pods
  await world.api.delete(jobs, at)
  await world.settle()
  assert.deepEqual(
    world.pods.map(({ metadata }) => metadata.finalizers),
    [undefined, undefined],
  )
  const stray = {
    name: 'stray',
    namespace: 'default',
    finalizers: ['batch.kubernetes.io/job-tracking', 'other'],
  }
  await world.api.create(pods, { metadata: stray, spec: freed!.spec })
  await world.settle()
  assert.deepEqual(world.api.get(pods, stray)?.metadata.finalizers, ['other'])
})

test('a Job that names another controller is not touched', async () => {
  await using world = new World()
  await world.run({ managedBy: 'example.com/queue' })
  assert.equal(world.pods.length, 0)
  assert.deepEqual(world.status, {})
})

test('lowering the parallelism deletes pods, raising it creates some', async () => {
  await using world = new World()
  await world.run({ parallelism: 4, completions: 8 })
  await world.api.patch(jobs, at, { spec: { parallelism: 1 } })
  await world.settle()
  assert.equal(world.kubelet.activePods.length, 1)
  assert.equal(world.status.failed, undefined)
  await world.api.patch(jobs, at, { spec: { parallelism: 6 } })
  await world.settle()
  assert.equal(world.kubelet.activePods.length, 6)
})

test('thousands of pods take passes in the tens, not one a pod', async () => {
  await using world = new World()
  const many = tries(10_000, 2500)
  await world.run({ completionMode: 'Indexed', parallelism: many, completions: many })
  for (let turns = 0; turns < 60 && world.pods.length < many; turns += 1) await world.pass(1)
  assert.equal(world.pods.length, many)
  await world.end(0)
  for (let turns = 0; turns < 60 && !world.status.completionTime; turns += 1) await world.pass(1)
  assert.equal(world.status.succeeded, many)
  assert.equal(world.status.completedIndexes, `0-${many - 1}`)
  const statusWrites = world.api.writes.filter(({ subresource }) => subresource === 'status')
  assert.ok(statusWrites.length < 150, `${statusWrites.length} status writes`)
})
