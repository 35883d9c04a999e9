// SPDX-License-Identifier: Apache-2.0
// Takes the tracking finalizer from pods that no Job will ever count: those whose Job is gone, has
// ended, or has let go of them. Without this they could not be deleted.
import type { WorkQueue } from '../../../kube/work-queue.ts'
import { pods } from '../../../kube/resources.ts'
import type { Job, Pod } from '../../../kube/types.gen.ts'
import type { ClusterApi, ControllerContext } from '../cluster-api.ts'
import { controllerQueue } from '../workload/controller-queue.ts'
import type { OwnedIndex } from '../workload/owned-index.ts'
import { controllerOf, workKey } from '../workload/owner-reference.ts'
import { jobs } from '../workload/workload-resources.ts'
import { finishedCondition, isManagedElsewhere, isTracked } from './job-facts.ts'
import { releasePod } from './release-pod.ts'

/** Watches pods and Jobs until it is disposed of. */
export class UntrackedPods implements AsyncDisposable {
  readonly #api: ClusterApi
  readonly #queue: WorkQueue
  readonly #subscriptions = new DisposableStack()

  constructor(context: ControllerContext, index: OwnedIndex<Pod>) {
    const { api } = context
    this.#api = api
    this.#queue = controllerQueue(
      async (at) => {
        const pod = api.get(pods, at)
        if (pod && this.#isForsaken(pod)) await releasePod(api, pod)
      },
      context,
      { name: 'job-orphans' },
    )
    this.#subscriptions.use(api.onChange(pods, ({ current }) => this.#look(current)))
    this.#subscriptions.use(
      api.onChange(jobs, ({ current, previous }) => {
        const job = current ?? previous
        if (!job || (current && !finishedCondition(current))) return
        for (const pod of index.owned(job.metadata.uid)) this.#look(pod)
      }),
    )
    for (const pod of api.list(pods)) this.#look(pod)
    this.#queue.start()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#subscriptions.dispose()
    await this.#queue[Symbol.asyncDispose]()
  }

  #look(pod: Pod | undefined): void {
    if (pod && this.#isForsaken(pod)) this.#queue.add(workKey(pod.metadata))
  }

  #isForsaken(pod: Pod): boolean {
    if (!isTracked(pod)) return false
    const controller = controllerOf(pod.metadata)
    if (!controller) return true
    if (controller.kind !== 'Job') return false
    const { namespace } = pod.metadata
    const job: Job | undefined = this.#api.get(jobs, { namespace, name: controller.name })
    if (job?.metadata.uid !== controller.uid) return true
    return !isManagedElsewhere(job) && finishedCondition(job) !== undefined
  }
}
