// SPDX-License-Identifier: Apache-2.0
// Carries out what was decided about a Job's pods, and says how many there are then.
import type { JobCondition, Pod } from '../../../kube/types.gen.ts'
import type { ClusterApi } from '../cluster-api.ts'
import { firstFailure, inTurns } from '../workload/in-turns.ts'
import { podControl } from '../workload/pod-control.ts'
import { isPodReady } from '../workload/pod-facts.ts'
import { slowStart } from '../workload/slow-start.ts'
import { jobPod } from './job-pod.ts'
import type { JobOutcome } from './job-status.ts'
import type { JobView } from './job-view.ts'
import { completionOf } from './judge-job.ts'
import { burstPods, planPods } from './plan-pods.ts'
import { releasePod } from './release-pod.ts'

export interface JobPodsOptions {
  readonly api: ClusterApi
  readonly onCreated: (pod: Pod) => void
}

/** An outcome, and what went wrong on the way. */
export interface EnactedJob {
  readonly outcome: JobOutcome
  readonly failure: { readonly error: unknown } | undefined
  /** When there is more to do about the pods without anything changing. */
  readonly againInMs: number | undefined
}

/** Tells all pods of a Job that ends to go. They keep their finalizers until they are counted. */
export async function stopJob(
  view: JobView,
  ending: JobCondition,
  options: JobPodsOptions,
): Promise<EnactedJob> {
  const { active } = view
  const control = podControl({ ...options, owner: view.job })
  const { gone, failure } = await forEach(active, (pod) => control.delete(pod))
  const outcome = afterRemoval(view, gone)
  const isStopped = gone.length === active.length
  return {
    outcome: { ...outcome, ending: isStopped ? ending : undefined, isManaged: false },
    failure,
    againInMs: undefined,
  }
}

/** Creates and removes pods as a Job that goes on wants; it may turn out to be complete. */
export async function manageJob(view: JobView, options: JobPodsOptions): Promise<EnactedJob> {
  const { job } = view
  const plan = planPods(view)
  const control = podControl({ ...options, owner: job })
  const removed = await forEach(plan.remove, async (pod) => {
    await releasePod(options.api, pod)
    await control.delete(pod)
  })
  const created = await slowStart(plan.create.length, async (position) => {
    const index = plan.create[position]
    const replaced = index === undefined ? undefined : view.toReplace.get(index)
    await control.create(jobPod(job, index === undefined ? {} : { index, replaced }))
  })
  const counts = afterRemoval(view, removed.gone)
  const active = counts.active + created.succeeded
  const isManaged = job.metadata.deletionTimestamp === undefined
  const isCapped = Math.max(plan.create.length, plan.remove.length) === burstPods
  return {
    outcome: { ...counts, active, isManaged, ending: completionOf(view, active) },
    failure: removed.failure ?? created.failure,
    againInMs: isCapped ? 0 : plan.retryInMs,
  }
}

function afterRemoval(
  { active, ready, terminating }: JobView,
  gone: readonly Pod[],
): Pick<JobOutcome, 'active' | 'ready' | 'terminating'> {
  return {
    active: active.length - gone.length,
    ready: ready - gone.filter(isPodReady).length,
    terminating: terminating + gone.length,
  }
}

async function forEach(
  pods: readonly Pod[],
  act: (pod: Pod) => Promise<void>,
): Promise<{ readonly gone: readonly Pod[]; readonly failure: { error: unknown } | undefined }> {
  const results = await inTurns(pods, act)
  return {
    gone: pods.filter((_, position) => results[position]?.status === 'fulfilled'),
    failure: firstFailure(results),
  }
}
