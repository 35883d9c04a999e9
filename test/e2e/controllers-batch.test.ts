// SPDX-License-Identifier: Apache-2.0
//
// Work by the clock: CronJobs. Nobody waits for a full minute: a CronJob that last ran some minutes ago
// is due.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import type { CronJob, Job } from '../../src/kube/types.gen.ts'
import { eventually } from './eventually.ts'
import type { Manifest } from './object-path.ts'
import { objectPath } from './object-path.ts'
import { podSpec, shell } from './pods.ts'
import type { List } from './pods.ts'
import { skipReason } from './requirements.ts'
import { useCluster } from './use-cluster.ts'

const MOCK = 'mock.virtual-kubelet.io'
const MINUTE_MS = 60_000

describe('a CronJob', { skip: skipReason }, () => {
  const cluster = useCluster()

  before(async () => {
    await cluster().startVirtualKubelet(['--provider', 'mock'])
  })

  function cronJob(name: string, spec: object, annotations: object = {}): Manifest {
    return {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name },
      spec: {
        schedule: '* * * * *',
        suspend: true,
        ...spec,
        jobTemplate: {
          metadata: { labels: { cron: name } },
          spec: template(annotations),
        },
      },
    }
  }

  /** Makes it due: it says that it ran two minutes ago, and is no longer suspended. */
  async function makeDue(object: Manifest): Promise<void> {
    const lastScheduleTime = new Date(Date.now() - 2 * MINUTE_MS).toISOString().slice(0, 19) + 'Z'
    await cluster().patch(`${objectPath(object)}/status`, { status: { lastScheduleTime } })
    await cluster().patch(objectPath(object), { spec: { suspend: false } })
  }

  const jobsOf = async (name: string) => {
    const query = `?labelSelector=cron%3D${name}`
    return (await cluster().api<List<Job>>('GET', `/apis/batch/v1/namespaces/default/jobs${query}`))
      .items
  }

  const read = async (object: Manifest) => await cluster().api<CronJob>('GET', objectPath(object))

  test('starts a Job when its time has come, and remembers when it succeeded', async () => {
    const object = cronJob('tick', {}, { [`${MOCK}/run-time`]: '200ms' })
    await cluster().create(object)
    assert.deepEqual(await jobsOf('tick'), [])
    await makeDue(object)
    const done = await eventually(
      async () => {
        const cron = await read(object)
        return cron.status?.lastSuccessfulTime !== undefined && cron
      },
      { what: 'a Job of it to succeed' },
    )
    // A busy machine may have come to the next minute, and to another Job.
    const job = (await jobsOf('tick')).find(({ status }) => status?.succeeded === 1)
    const scheduled = job?.metadata.annotations?.['batch.kubernetes.io/cronjob-scheduled-timestamp']
    const minutes = Date.parse(scheduled ?? '') / MINUTE_MS
    assert.equal(job?.metadata.name, `tick-${minutes}`)
    assert.ok(Date.parse(done.status?.lastScheduleTime ?? '') >= minutes * MINUTE_MS)
    assert.equal(job.metadata.ownerReferences?.[0]?.uid, done.metadata.uid)
    assert.equal(job.metadata.ownerReferences[0].controller, true)
    await cluster().delete(objectPath(object), { propagationPolicy: 'Background' })
    await eventually(async () => (await jobsOf('tick')).length === 0, { what: 'its Jobs to go' })
  })

  test('that forbids two at a time starts none while one runs, and says so', async () => {
    const object = cronJob('patient', { concurrencyPolicy: 'Forbid' })
    const { metadata } = await cluster().create<CronJob>(object)
    const owner = { apiVersion: 'batch/v1', kind: 'CronJob', name: 'patient', uid: metadata.uid }
    const started = await cluster().create<Job>({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'earlier', ownerReferences: [{ ...owner, controller: true }] },
      spec: template(),
    })
    const { name, namespace, uid } = started.metadata
    const active = [{ apiVersion: 'batch/v1', kind: 'Job', name, namespace, uid }]
    await cluster().patch(`${objectPath(object)}/status`, { status: { active } })
    await makeDue(object)
    const events = '/api/v1/namespaces/default/events?fieldSelector=reason%3DJobAlreadyActive'
    await eventually(
      async () => (await cluster().api<List<unknown>>('GET', events)).items.length > 0,
      { what: 'an event JobAlreadyActive' },
    )
    const names = (await read(object)).status?.active?.map((reference) => reference.name)
    assert.deepEqual(names, ['earlier'])
    assert.deepEqual(await jobsOf('patient'), [])
    await cluster().delete(objectPath(object))
  })

  test('of a schedule that makes no sense is refused', async () => {
    await assert.rejects(
      cluster().create(cronJob('never', { schedule: 'now and then' })),
      /spec\.schedule: Invalid value: \\"now and then\\"/,
    )
  })
})

/** The spec of a Job whose pod runs until it is deleted, unless annotations say otherwise. */
function template(annotations: object = {}): object {
  const spec = podSpec({ restartPolicy: 'Never', containers: [shell('none')] })
  return { template: { metadata: { annotations }, spec } }
}
