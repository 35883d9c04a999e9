// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClusterApi, controlledBy } from '../../../../test/support/fake-cluster-api.ts'
import { newJob } from '../../../../test/support/workload-objects.ts'
import type { CronJob, CronJobSpec, Job } from '../../../kube/types.gen.ts'
import { FakeClock } from '../../../util/fake-clock.ts'
import { silentLogger } from '../../../util/logger.ts'
import { cronJobs, jobs } from '../workload/workload-resources.ts'
import { startCronJobController } from './cronjob-controller.ts'
import { wireTime } from '../../../util/wire-time.ts'

const at = { namespace: 'default', name: 'tick' }
const start = Date.UTC(2026, 0, 1)
const minutes = start / 60_000

class World implements AsyncDisposable {
  readonly clock = new FakeClock(start)
  readonly api = new FakeClusterApi(this.clock)
  #controller: AsyncDisposable | undefined

  run(): void {
    this.#controller = startCronJobController({
      api: this.api,
      clock: this.clock,
      log: silentLogger,
    })
  }

  async create(spec: Partial<CronJobSpec> = {}, creationTimestamp?: string): Promise<void> {
    this.api.seed(cronJobs, {
      metadata: { ...at, ...(creationTimestamp !== undefined && { creationTimestamp }) },
      spec: {
        schedule: '*/5 * * * *',
        concurrencyPolicy: 'Allow',
        suspend: false,
        successfulJobsHistoryLimit: 3,
        failedJobsHistoryLimit: 1,
        jobTemplate: { metadata: { labels: { kind: 'tick' } }, spec: newJob().spec },
        ...spec,
      },
    })
    this.run()
    await this.api.settled()
  }

  get cronJob(): CronJob {
    return this.api.get(cronJobs, at)!
  }

  get jobs(): readonly Job[] {
    return this.api.list(jobs)
  }

  get jobMinutes(): readonly number[] {
    return this.jobs.map(({ metadata }) => Number(metadata.name.slice('tick-'.length)) - minutes)
  }

  get activeCount(): number {
    return this.cronJob.status?.active?.length ?? 0
  }

  get events(): readonly string[] {
    return this.api.eventsOf('tick')
  }

  async pass(seconds: number): Promise<void> {
    await this.clock.advance(seconds * 1000)
    await this.api.settled()
  }

  async finish(job: Job, type: 'Complete' | 'Failed'): Promise<void> {
    const time = wireTime(this.clock.nowMs())
    const condition = { type, status: 'True', lastTransitionTime: time }
    await this.api.updateStatus(jobs, {
      ...job,
      status: {
        startTime: job.metadata.creationTimestamp!,
        conditions: [condition],
        ...(type === 'Complete' && { completionTime: time }),
      },
    })
    await this.api.settled()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#controller?.[Symbol.asyncDispose]()
  }
}

test('starts a Job at each scheduled time, named after the minute', async () => {
  await using world = new World()
  await world.create()
  await world.pass(299)
  assert.equal(world.jobs.length, 0)
  await world.pass(2)
  const [job] = world.jobs
  assert.equal(job?.metadata.name, `tick-${minutes + 5}`)
  assert.deepEqual(job?.metadata.labels, { kind: 'tick' })
  assert.deepEqual(job?.metadata.annotations, {
    'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T00:05:00Z',
  })
  assert.deepEqual(job?.metadata.ownerReferences, [controlledBy(world.cronJob)])
  assert.equal(world.cronJob.status?.lastScheduleTime, '2026-01-01T00:05:00Z')
  assert.deepEqual(
    world.cronJob.status?.active?.map(({ kind, name }) => [kind, name]),
    [['Job', job?.metadata.name]],
  )
  assert.deepEqual(world.events, [`Normal SuccessfulCreate Created job ${job?.metadata.name}`])
  await world.pass(600)
  assert.deepEqual(world.jobMinutes, [5, 10, 15])
})

test('takes note of finished Jobs and keeps as many as the limits say', async () => {
  await using world = new World()
  await world.create({ schedule: '* * * * *', successfulJobsHistoryLimit: 1 })
  await world.pass(61)
  const [first] = world.jobs
  await world.finish(first!, 'Complete')
  assert.equal(world.cronJob.status?.active, undefined)
  assert.equal(world.cronJob.status?.lastSuccessfulTime, '2026-01-01T00:01:01Z')
  assert.ok(
    world.events.includes(
      `Normal SawCompletedJob Saw completed job: ${first!.metadata.name}, condition: Complete`,
    ),
  )
  for (const type of ['Failed', 'Failed', 'Complete'] as const) {
    await world.pass(60)
    await world.finish(world.jobs.at(-1)!, type)
  }
  assert.deepEqual(world.jobMinutes, [3, 4], 'one failed and one successful are left')
  assert.ok(world.events.includes(`Normal SuccessfulDelete Deleted job tick-${minutes + 1}`))
})

test('Forbid waits for the running Job, Replace deletes it', async () => {
  for (const concurrencyPolicy of ['Forbid', 'Replace']) {
    await using world = new World()
    await world.create({ concurrencyPolicy })
    await world.pass(301)
    await world.pass(300)
    assert.deepEqual(world.jobMinutes, concurrencyPolicy === 'Forbid' ? [5] : [10])
    const expected =
      concurrencyPolicy === 'Forbid'
        ? 'Normal JobAlreadyActive Not starting job because prior execution is running and concurrency policy is Forbid'
        : `Normal SuccessfulDelete Deleted job tick-${minutes + 5}`
    assert.ok(world.events.includes(expected))
    assert.equal(world.cronJob.status?.active?.length, 1)
  }
})

test('a suspended CronJob starts nothing, and later what is due', async () => {
  await using world = new World()
  await world.create({ suspend: true })
  await world.pass(650)
  assert.equal(world.jobs.length, 0)
  await world.api.patch(cronJobs, at, { spec: { suspend: false } })
  await world.api.settled()
  assert.deepEqual(world.jobMinutes, [10], 'the latest, not all that were missed')
})

test('after a long absence the latest start is made, with a warning when very many were missed', async () => {
  await using world = new World()
  await world.create({}, '2025-12-30T00:00:00Z')
  assert.deepEqual(world.jobMinutes, [0])
  assert.ok(
    world.events.includes(
      'Warning TooManyMissedTimes too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew',
    ),
  )
})

test('a start beyond the starting deadline is missed', async () => {
  await using world = new World()
  await world.create({ schedule: '0 * * * *', startingDeadlineSeconds: 60 }, '2025-12-31T22:30:00Z')
  await world.pass(1)
  assert.deepEqual(world.jobMinutes, [0], 'just in time')
  await using late = new World()
  await late.clock.advance(120_000)
  await late.create({ schedule: '0 * * * *', startingDeadlineSeconds: 60 }, '2025-12-31T22:30:00Z')
  assert.equal(late.jobs.length, 0)
  await late.pass(3_500)
  assert.deepEqual(late.jobMinutes, [60])
})

test('heeds the time zone', async () => {
  await using world = new World()
  await world.create({ schedule: '30 6 * * *', timeZone: 'Asia/Kolkata' })
  await world.pass(3_601)
  assert.deepEqual(world.jobMinutes, [60])
  assert.equal(
    world.jobs[0]?.metadata.annotations?.['batch.kubernetes.io/cronjob-scheduled-timestamp'],
    '2026-01-01T06:30:00+05:30',
  )
})

test('a new schedule counts from its next start on', async () => {
  await using world = new World()
  await world.create({ schedule: '0 12 * * *' })
  await world.pass(650)
  await world.api.patch(cronJobs, at, { spec: { schedule: '*/5 * * * *' } })
  await world.api.settled()
  assert.equal(world.jobs.length, 0)
  await world.pass(260)
  assert.deepEqual(world.jobMinutes, [15])
})

test('schedules that cannot be followed are reported', async () => {
  const cases: readonly (readonly [Partial<CronJobSpec>, string])[] = [
    [
      { schedule: 'soon' },
      'Warning UnparseableSchedule unparseable schedule: "soon" : expected exactly 5 fields, found 1: [soon]',
    ],
    [
      { timeZone: 'Mars/Olympus' },
      'Warning UnknownTimeZone invalid timeZone: "Mars/Olympus": unknown time zone Mars/Olympus',
    ],
    [
      { schedule: '59 23 31 2 *' },
      'Warning InvalidSchedule invalid schedule: 59 23 31 2 * : time difference between two schedules is less than 1 second',
    ],
  ]
  for (const [spec, event] of cases) {
    await using world = new World()
    await world.create(spec)
    assert.deepEqual(world.events, [event])
    assert.equal(world.jobs.length, 0)
  }
})

test('a Job whose creation could not be written down is found again, not made twice', async () => {
  await using world = new World()
  let isBroken = true
  world.api.before = ({ subresource, resource }) => {
    if (isBroken && resource === cronJobs && subresource === 'status') throw new Error('lost')
  }
  await world.create()
  await world.pass(301)
  assert.equal(world.jobs.length, 1)
  assert.equal(world.activeCount, 0)
  isBroken = false
  await world.pass(60)
  assert.equal(world.jobs.length, 1)
  assert.equal(world.activeCount, 1)
  assert.equal(world.cronJob.status?.lastScheduleTime, '2026-01-01T00:05:00Z')
})

test('an active Job that vanishes is forgotten', async () => {
  await using world = new World()
  await world.create()
  await world.pass(301)
  const [job] = world.jobs
  await world.api.delete(jobs, job!.metadata)
  await world.api.settled()
  assert.equal(world.cronJob.status?.active, undefined)
  assert.ok(
    world.events.includes(`Normal MissingJob Active job went missing: ${job!.metadata.name}`),
  )
  assert.equal(world.jobs.length, 0, 'it is not started once more')
})
