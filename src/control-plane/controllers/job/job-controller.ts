// SPDX-License-Identifier: Apache-2.0
// Runs Jobs to their end. One pass over one Job: claim pods, judge, create or delete, count what has
// ended, write the status. Passes of one Job never overlap and read the live store.
import type { WorkQueue } from '../../../kube/work-queue.ts'
import { pods } from '../../../kube/resources.ts'
import type { Job, JobCondition, JobStatus, Pod } from '../../../kube/types.gen.ts'
import { deepEqual } from '../../objects/deep-equal.ts'
import type { ControllerContext, ObjectPlace, StartController } from '../cluster-api.ts'
import { matcherOf } from '../../../kube/label-matcher.ts'
import { parseWireTime } from '../../../util/wire-time.ts'
import { claimObjects } from '../workload/claim.ts'
import {
  controllerQueue,
  isNotFound,
  wakeOnChange,
  wakeOwners,
} from '../workload/controller-queue.ts'
import { firstFailure, inTurns } from '../workload/in-turns.ts'
import { OwnedIndex } from '../workload/owned-index.ts'
import { conditionOf } from '../workload/status-fields.ts'
import { jobs } from '../workload/workload-resources.ts'
import { finishedCondition, isManagedElsewhere, isTracked, trackingFinalizer } from './job-facts.ts'
import { manageJob, stopJob } from './job-pods.ts'
import type { JobOutcome } from './job-status.ts'
import { settleStatus, trackPods } from './job-status.ts'
import { viewJob } from './job-view.ts'
import type { JobView } from './job-view.ts'
import { deadlineInMs, judgeJob } from './judge-job.ts'
import { noFailures } from './pod-backoff.ts'
import type { FailureRecord } from './pod-backoff.ts'
import { releasePod } from './release-pod.ts'
import { UntrackedPods } from './untracked-pods.ts'

// Pods of a Job tend to end together; those of one moment are judged together, as on a real cluster,
// where the moment is a second.
const batchMs = 20

type Requeue = { readonly requeueAfterMs: number } | undefined

export const startJobController: StartController = (context) => new JobController(context)

class JobController implements AsyncDisposable {
  readonly #context: ControllerContext
  readonly #pods: OwnedIndex<Pod>
  readonly #queue: WorkQueue
  readonly #untracked: UntrackedPods
  readonly #subscriptions = new DisposableStack()
  /** Recent failures of each Job, by uid; forgotten with the process, which only shortens a wait. */
  readonly #failures = new Map<string, FailureRecord>()

  constructor(context: ControllerContext) {
    const { api } = context
    this.#context = context
    const index = new OwnedIndex(api, { resource: pods, ownerKind: 'Job' })
    this.#pods = this.#subscriptions.use(index)
    this.#queue = controllerQueue((at) => this.#reconcile(at), context, { name: 'job' })
    this.#subscriptions.use(wakeOnChange(this.#queue, api, jobs, { statusBatchMs: batchMs }))
    this.#subscriptions.use(
      api.onChange(jobs, ({ current, previous }) => {
        if (!current && previous) this.#failures.delete(previous.metadata.uid)
      }),
    )
    this.#subscriptions.use(
      wakeOwners<Pod, Job>(this.#queue, api, {
        resource: pods,
        ownerResource: jobs,
        sizeOf: (uid) => index.sizeOf(uid),
        leastBatchMs: batchMs,
        wouldAdopt: ({ spec }, pod) => matcherOf(spec.selector).matches(pod.metadata.labels),
      }),
    )
    this.#untracked = new UntrackedPods(context, index)
    this.#queue.start()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#subscriptions.dispose()
    await Promise.all([this.#queue[Symbol.asyncDispose](), this.#untracked[Symbol.asyncDispose]()])
  }

  async #reconcile(at: Required<ObjectPlace>): Promise<Requeue> {
    const job = this.#context.api.get(jobs, at)
    if (!job || isManagedElsewhere(job)) return undefined
    const finished = finishedCondition(job)
    if (finished) return await this.#afterEnd(job, finished)
    const { uid } = job.metadata
    const view = viewJob({
      job,
      pods: await this.#claim(job),
      failures: this.#failures.get(uid) ?? noFailures,
      nowMs: this.#context.clock.nowMs(),
    })
    const options = {
      api: this.#context.api,
      onCreated: (pod: Pod) => this.#pods.note(pod),
    }
    const ending = judgeJob(view)
    const enacted = ending ? await stopJob(view, ending, options) : await manageJob(view, options)
    const isCapped = await this.#track(view, enacted.outcome)
    if (enacted.failure) throw enacted.failure.error
    const deadlineMs = ending ? undefined : deadlineInMs(view)
    return soonest(enacted.againInMs, isCapped ? 0 : undefined, deadlineMs)
  }

  async #claim(job: Job): Promise<readonly Pod[]> {
    const { metadata, spec } = job
    const candidates = [
      ...this.#pods.owned(metadata.uid),
      ...this.#pods.orphans(metadata.namespace),
    ]
    return await claimObjects(candidates, {
      api: this.#context.api,
      index: this.#pods,
      claimant: { owner: job, matches: matcherOf(spec.selector).matches },
      ownerResource: jobs,
      resource: pods,
      finalizer: trackingFinalizer,
    })
  }

  /** Counts what has ended; returns whether some of it has to wait for the next pass. */
  async #track(view: JobView, outcome: JobOutcome): Promise<boolean> {
    const { clock } = this.#context
    const { status, release, isCapped } = trackPods(view, outcome)
    const job = await this.#writeStatus(view.job, status)
    this.#failures.set(job.metadata.uid, view.failures)
    this.#tellSuspension(view.job, job)
    const tracked = new Set(view.pods.filter(isTracked).map(({ metadata }) => metadata.uid))
    const results = await inTurns(release, async (pod) => {
      await releasePod(this.#context.api, pod)
      tracked.delete(pod.metadata.uid)
    })
    const nowMs = clock.nowMs()
    const settled = settleStatus(status, { outcome, tracked, isCapped, nowMs })
    const written = await this.#writeStatus(job, settled.status)
    const failure = firstFailure(results)
    if (failure) throw failure.error
    if (settled.finished) this.#tellEnd(written, settled.finished)
    return isCapped
  }

  async #writeStatus(job: Job, status: JobStatus): Promise<Job> {
    if (deepEqual(job.status, status)) return job
    return await this.#context.api.updateStatus(jobs, { ...job, status })
  }

  #tellSuspension(before: Job, after: Job): void {
    const old = conditionOf(before.status?.conditions, 'Suspended')?.status ?? 'False'
    const now = conditionOf(after.status?.conditions, 'Suspended')?.status ?? 'False'
    if (old === now) return
    const [reason, message] =
      now === 'True' ? ['Suspended', 'Job suspended'] : ['Resumed', 'Job resumed']
    this.#context.api.recordEvent(after, { type: 'Normal', reason, message })
  }

  #tellEnd(job: Job, { type, reason = '', message = '' }: JobCondition): void {
    const { api } = this.#context
    if (type !== 'Complete') {
      api.recordEvent(job, { type: 'Warning', reason, message })
      return
    }
    if ((job.status?.succeeded ?? 0) > (job.spec.completions ?? Infinity)) {
      const tooMany = 'Too many succeeded pods running after completion count reached'
      api.recordEvent(job, { type: 'Warning', reason: 'TooManySucceededPods', message: tooMany })
    }
    api.recordEvent(job, { type: 'Normal', reason: 'Completed', message: 'Job completed' })
  }

  /** A finished Job is deleted with its pods when its time to live is over. */
  async #afterEnd(job: Job, { lastTransitionTime }: JobCondition): Promise<Requeue> {
    const { api, clock } = this.#context
    const { uid, deletionTimestamp } = job.metadata
    this.#failures.delete(uid)
    const { ttlSecondsAfterFinished: ttlSeconds } = job.spec
    const endMs = parseWireTime(lastTransitionTime)
    if (ttlSeconds === undefined || endMs === undefined || deletionTimestamp !== undefined) {
      return undefined
    }
    const leftMs = endMs + ttlSeconds * 1000 - clock.nowMs()
    if (leftMs > 0) return { requeueAfterMs: leftMs }
    const request = { propagationPolicy: 'Foreground', preconditions: { uid } } as const
    await api.delete(jobs, job.metadata, request).catch((error: unknown) => {
      if (!isNotFound(error)) throw error
    })
    return undefined
  }
}

function soonest(...delaysMs: readonly (number | undefined)[]): Requeue {
  const known = delaysMs.filter((ms) => ms !== undefined)
  return known.length === 0 ? undefined : { requeueAfterMs: Math.max(0, Math.min(...known)) }
}
