// SPDX-License-Identifier: Apache-2.0
// Starts Jobs by the clock. A pass over a CronJob clears old Jobs away, takes note of finished ones,
// and starts the one that is due; then it sleeps until the next start.
import type { WorkQueue } from '../../../kube/work-queue.ts'
import type { CronJob, CronJobStatus, Job } from '../../../kube/types.gen.ts'
import { messageOf } from '../../../util/vk-error.ts'
import { StatusError } from '../../objects/api-status.ts'
import { deepEqual } from '../../objects/deep-equal.ts'
import type { ControllerContext, NewObject, ObjectPlace, StartController } from '../cluster-api.ts'
import { wireTime } from '../../../util/wire-time.ts'
import { controllerQueue, isNotFound, wakeOwners } from '../workload/controller-queue.ts'
import { OwnedIndex } from '../workload/owned-index.ts'
import { controllerReference, isControlledBy, workKey } from '../workload/owner-reference.ts'
import { isNamespaceEnding } from '../workload/pod-control.ts'
import { cronJobs, jobs } from '../workload/workload-resources.ts'
import { parseCronSchedule } from './cron-schedule.ts'
import { decideCronJob, jobNameOf, surplusJobs, withoutActive } from './decide-cronjob.ts'
import { nextStartInMs } from './missed-starts.ts'
import { findTimeZone, formatLocal, utc } from './time-zone.ts'

export const startCronJobController: StartController = (context) => new CronJobController(context)

const scheduledKey = 'batch.kubernetes.io/cronjob-scheduled-timestamp'

class CronJobController implements AsyncDisposable {
  readonly #context: ControllerContext
  readonly #jobs: OwnedIndex<Job>
  readonly #queue: WorkQueue
  readonly #subscriptions = new DisposableStack()

  constructor(context: ControllerContext) {
    const { api } = context
    this.#context = context
    const index = new OwnedIndex(api, { resource: jobs, ownerKind: 'CronJob' })
    this.#jobs = this.#subscriptions.use(index)
    this.#queue = controllerQueue((at) => this.#reconcile(at), context, { name: 'cronjob' })
    this.#subscriptions.use(
      api.onChange(cronJobs, ({ current, previous }) => this.#wake(current, previous)),
    )
    this.#subscriptions.use(
      wakeOwners<Job, CronJob>(this.#queue, api, {
        resource: jobs,
        ownerResource: cronJobs,
        sizeOf: (uid) => index.sizeOf(uid),
        wouldAdopt: () => false,
      }),
    )
    for (const cronJob of api.list(cronJobs)) this.#wake(cronJob, undefined)
    this.#queue.start()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#subscriptions.dispose()
    await this.#queue[Symbol.asyncDispose]()
  }

  // A new schedule counts from its next start on: what it would have started before is not due.
  #wake(current: CronJob | undefined, previous: CronJob | undefined): void {
    if (!current) return
    const key = workKey(current.metadata)
    const isRescheduled =
      previous !== undefined &&
      (previous.spec.schedule !== current.spec.schedule ||
        previous.spec.timeZone !== current.spec.timeZone)
    const delayMs = isRescheduled ? nextInMs(current, this.#context.clock.nowMs()) : undefined
    this.#queue.addAfter(key, delayMs ?? 0)
  }

  async #reconcile(at: Required<ObjectPlace>): Promise<void | { requeueAfterMs: number }> {
    const { api, clock } = this.#context
    const cronJob = api.get(cronJobs, at)
    if (!cronJob) return
    const nowMs = clock.nowMs()
    const all = this.#jobs.owned(cronJob.metadata.uid)
    let status: CronJobStatus = cronJob.status ?? {}
    const removed = new Set<Job>()
    for (const job of surplusJobs({ cronJob, jobs: all, nowMs })) {
      if (!(await this.#deleteJob(cronJob, job))) continue
      removed.add(job)
      status = withoutActive(status, job.metadata.uid)
    }
    const left = all.filter((job) => !removed.has(job))
    const decision = decideCronJob({ cronJob: { ...cronJob, status }, jobs: left, nowMs })
    status = decision.status
    for (const event of decision.events) api.recordEvent(cronJob, event)
    for (const { uid, name = '' } of decision.replace) {
      const job = api.get(jobs, { namespace: at.namespace, name })
      if (job && !(await this.#deleteJob(cronJob, job))) {
        throw new Error(`could not replace job ${at.namespace}/${name}`)
      }
      status = withoutActive(status, uid)
    }
    if (decision.startMs !== undefined) {
      status = await this.#start(cronJob, { status, startMs: decision.startMs })
    }
    if (!deepEqual(status, cronJob.status ?? {})) {
      await api.updateStatus(cronJobs, { ...cronJob, status })
    }
    if (decision.againInMs !== undefined) return { requeueAfterMs: decision.againInMs }
  }

  /** Creates the Job of a start; returns the status with it. */
  async #start(
    cronJob: CronJob,
    { status, startMs }: { readonly status: CronJobStatus; readonly startMs: number },
  ): Promise<CronJobStatus> {
    const job = await this.#createJob(cronJob, jobFor(cronJob, startMs))
    if (!job) return status
    this.#jobs.note(job)
    const { namespace, name, uid, resourceVersion } = job.metadata
    const reference = {
      kind: 'Job',
      namespace,
      name,
      uid,
      apiVersion: 'batch/v1',
      ...(resourceVersion !== undefined && { resourceVersion }),
    }
    return {
      ...status,
      active: [...(status.active ?? []), reference],
      lastScheduleTime: wireTime(startMs),
    }
  }

  async #createJob(cronJob: CronJob, object: NewObject<Job>): Promise<Job | undefined> {
    const { api } = this.#context
    const { namespace } = cronJob.metadata
    try {
      const job = await api.create(jobs, object)
      const message = `Created job ${job.metadata.name}`
      api.recordEvent(cronJob, { type: 'Normal', reason: 'SuccessfulCreate', message })
      return job
    } catch (error) {
      if (isNamespaceEnding(error)) return undefined
      if (error instanceof StatusError && error.reason === 'AlreadyExists') {
        // Created by a pass that could not write it down, or by somebody else.
        const found = api.get(jobs, { namespace, name: object.metadata.name ?? '' })
        return found && isControlledBy(found, cronJob) ? found : undefined
      }
      const message = `Error creating job: ${messageOf(error)}`
      api.recordEvent(cronJob, { type: 'Warning', reason: 'FailedCreate', message })
      throw error
    }
  }

  async #deleteJob(cronJob: CronJob, { metadata }: Job): Promise<boolean> {
    const { api } = this.#context
    const { uid, name } = metadata
    try {
      const request = { propagationPolicy: 'Background', preconditions: { uid } } as const
      await api.delete(jobs, metadata, request)
    } catch (error) {
      if (isNotFound(error)) return true
      const message = `Deleted job: ${messageOf(error)}`
      api.recordEvent(cronJob, { type: 'Warning', reason: 'FailedDelete', message })
      return false
    }
    const message = `Deleted job ${name}`
    api.recordEvent(cronJob, { type: 'Normal', reason: 'SuccessfulDelete', message })
    return true
  }
}

function jobFor(cronJob: CronJob, startMs: number): NewObject<Job> {
  const { metadata, spec } = cronJob.spec.jobTemplate
  const zone = findTimeZone(cronJob.spec.timeZone ?? 'UTC') ?? utc
  return {
    metadata: {
      name: jobNameOf(cronJob, startMs),
      namespace: cronJob.metadata.namespace,
      ...(metadata?.labels && { labels: metadata.labels }),
      annotations: { ...metadata?.annotations, [scheduledKey]: formatLocal(startMs, zone) },
      ownerReferences: [controllerReference(cronJobs, cronJob)],
    },
    spec: spec ?? { template: {} },
  }
}

/** Undefined for a schedule that cannot be read; the pass then says so. */
function nextInMs(cronJob: CronJob, nowMs: number): number | undefined {
  const { schedule: text, timeZone = 'UTC' } = cronJob.spec
  const zone = findTimeZone(timeZone)
  if (!zone) return undefined
  try {
    return nextStartInMs(cronJob, { schedule: parseCronSchedule(text, zone), nowMs })
  } catch {
    return undefined
  }
}
