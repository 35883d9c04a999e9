// SPDX-License-Identifier: Apache-2.0
// Rolls Deployments out. One pass over one Deployment: claim ReplicaSets, plan one step, write it, write
// the status; the ReplicaSets' own progress wakes it for the next step.
import { pods } from '../../../kube/resources.ts'
import type { WorkQueue } from '../../../kube/work-queue.ts'
import type { Deployment, DeploymentStatus, Pod, ReplicaSet } from '../../../kube/types.gen.ts'
import { deepEqual } from '../../objects/deep-equal.ts'
import type { ControllerContext, ObjectPlace, StartController } from '../cluster-api.ts'
import { matcherOf } from '../../../kube/label-matcher.ts'
import { claimObjects } from '../workload/claim.ts'
import { controllerQueue, wakeOnChange, wakeOwners } from '../workload/controller-queue.ts'
import { OwnedIndex } from '../workload/owned-index.ts'
import { controllerOf, workKey } from '../workload/owner-reference.ts'
import { isPodTerminal } from '../workload/pod-facts.ts'
import { deployments, replicaSets } from '../workload/workload-resources.ts'
import { setCondition } from './deployment-conditions.ts'
import { deploymentStatus, progressCheckInMs } from './deployment-status.ts'
import { viewDeployment } from './deployment-view.ts'
import type { DeploymentView } from './deployment-view.ts'
import { planDeployment } from './plan-deployment.ts'
import type { DeploymentPlan } from './plan-deployment.ts'
import { createReplicaSet, deleteReplicaSets, writeReplicaSets } from './replica-set-writer.ts'
import type { Creation } from './replica-set-writer.ts'
import { revisionKey } from './revisions.ts'

type Requeue = { readonly requeueAfterMs: number } | undefined

export const startDeploymentController: StartController = (context) =>
  new DeploymentController(context)

class DeploymentController implements AsyncDisposable {
  readonly #context: ControllerContext
  readonly #replicaSets: OwnedIndex<ReplicaSet>
  readonly #pods: OwnedIndex<Pod>
  readonly #queue: WorkQueue
  readonly #subscriptions = new DisposableStack()

  constructor(context: ControllerContext) {
    const { api } = context
    this.#context = context
    this.#replicaSets = this.#subscriptions.use(
      new OwnedIndex(api, { resource: replicaSets, ownerKind: 'Deployment' }),
    )
    this.#pods = this.#subscriptions.use(
      new OwnedIndex(api, { resource: pods, ownerKind: 'ReplicaSet' }),
    )
    this.#queue = controllerQueue((at) => this.#reconcile(at), context, { name: 'deployment' })
    this.#subscriptions.use(wakeOnChange(this.#queue, api, deployments))
    this.#subscriptions.use(
      wakeOwners<ReplicaSet, Deployment>(this.#queue, api, {
        resource: replicaSets,
        ownerResource: deployments,
        sizeOf: () => 1,
        wouldAdopt: ({ spec }, { metadata }) => matcherOf(spec.selector).matches(metadata.labels),
      }),
    )
    this.#subscriptions.use(
      api.onChange(pods, ({ current, previous }) => {
        if (previous && (!current || isPodTerminal(current))) this.#wakeRecreate(previous)
      }),
    )
    this.#queue.start()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#subscriptions.dispose()
    await this.#queue[Symbol.asyncDispose]()
  }

  // Recreate waits for the end of the old pods, which no ReplicaSet's status tells.
  #wakeRecreate({ metadata }: Pod): void {
    const { api } = this.#context
    const { namespace } = metadata
    const replicaSetRef = controllerOf(metadata)
    if (replicaSetRef?.kind !== 'ReplicaSet') return
    const replicaSet = api.get(replicaSets, { namespace, name: replicaSetRef.name })
    const owner = replicaSet && controllerOf(replicaSet.metadata)
    const deployment = owner && api.get(deployments, { namespace, name: owner.name })
    if (deployment?.spec.strategy?.type === 'Recreate')
      this.#queue.add(workKey(deployment.metadata))
  }

  async #reconcile(at: Required<ObjectPlace>): Promise<Requeue> {
    const { api } = this.#context
    const deployment = api.get(deployments, at)
    if (!deployment) return undefined
    if (selectsAll(deployment)) return await this.#refuse(deployment)
    await this.#claim(deployment)
    let view = this.#view(deployment)
    let plan = this.#plan(view)
    const creation = plan.create && (await createReplicaSet(api, deployment, plan.create))
    if (creation) {
      if (creation.is !== 'created' && creation.is !== 'found') {
        return await this.#afterFailure(deployment, creation)
      }
      this.#replicaSets.note(creation.replicaSet)
      view = this.#view(deployment)
      plan = this.#plan(view)
    }
    if (deployment.metadata.deletionTimestamp === undefined) {
      await writeReplicaSets(api, view, plan.sizes)
      await deleteReplicaSets(api, plan.remove)
    }
    return await this.#writeStatus(deployment, {
      isRollout: plan.isRollout,
      isCreated: creation?.is === 'created',
    })
  }

  async #claim(deployment: Deployment): Promise<void> {
    const { metadata, spec } = deployment
    const candidates = [
      ...this.#replicaSets.owned(metadata.uid),
      ...this.#replicaSets.orphans(metadata.namespace),
    ]
    await claimObjects(candidates, {
      api: this.#context.api,
      index: this.#replicaSets,
      claimant: { owner: deployment, matches: matcherOf(spec.selector).matches },
      ownerResource: deployments,
      resource: replicaSets,
    })
  }

  #view(deployment: Deployment): DeploymentView {
    const { matches } = matcherOf(deployment.spec.selector)
    const owned = this.#replicaSets.owned(deployment.metadata.uid)
    return viewDeployment(
      deployment,
      owned.filter(({ metadata }) => matches(metadata.labels)),
    )
  }

  #plan(view: DeploymentView): DeploymentPlan {
    return planDeployment(view, () =>
      view.old.some(
        ({ metadata, status }) =>
          (status?.replicas ?? 0) > 0 ||
          this.#pods.owned(metadata.uid).some((pod) => !isPodTerminal(pod)),
      ),
    )
  }

  async #writeStatus(
    deployment: Deployment,
    step: { readonly isRollout: boolean; readonly isCreated: boolean },
  ): Promise<Requeue> {
    const { api, clock } = this.#context
    const nowMs = clock.nowMs()
    const view = this.#view(deployment)
    const status = deploymentStatus(view, { ...step, nowMs })
    const { annotations } = deployment.metadata
    const revision = view.current?.metadata.annotations?.[revisionKey] ?? annotations?.[revisionKey]
    const isSame = annotations?.[revisionKey] === revision && deepEqual(deployment.status, status)
    if (!isSame) {
      const withRevision = {
        ...deployment.metadata,
        annotations: { ...annotations, ...(revision !== undefined && { [revisionKey]: revision }) },
      }
      await api.updateStatus(deployments, { ...deployment, metadata: withRevision, status })
    }
    const requeueAfterMs = progressCheckInMs(deployment, { status, nowMs })
    return requeueAfterMs === undefined ? undefined : { requeueAfterMs }
  }

  async #afterFailure(deployment: Deployment, creation: Creation): Promise<Requeue> {
    const { status = {} } = deployment
    if (creation.is === 'collision') {
      const collisionCount = (status.collisionCount ?? 0) + 1
      await this.#updateStatus(deployment, { ...status, collisionCount })
      return { requeueAfterMs: 0 }
    }
    if (creation.is !== 'failed') return undefined
    const { message, error } = creation
    const words = { type: 'Progressing', status: 'False', reason: 'ReplicaSetCreateError' } as const
    const { conditions = [] } = status
    const nowMs = this.#context.clock.nowMs()
    const next = setCondition(conditions, { ...words, message }, nowMs)
    if (next !== conditions && deployment.spec.progressDeadlineSeconds !== undefined) {
      await this.#updateStatus(deployment, { ...status, conditions: next })
    }
    throw error
  }

  async #refuse(deployment: Deployment): Promise<undefined> {
    const message = 'This deployment is selecting all pods. A non-empty selector is required.'
    this.#context.api.recordEvent(deployment, { type: 'Warning', reason: 'SelectingAll', message })
    const { metadata, status } = deployment
    const { generation = 0 } = metadata
    if ((status?.observedGeneration ?? 0) < generation) {
      await this.#updateStatus(deployment, { ...status, observedGeneration: generation })
    }
  }

  async #updateStatus(deployment: Deployment, status: DeploymentStatus): Promise<void> {
    await this.#context.api.updateStatus(deployments, { ...deployment, status })
  }
}

function selectsAll({ spec }: Deployment): boolean {
  const { matchLabels = {}, matchExpressions = [] } = spec.selector
  return Object.keys(matchLabels).length === 0 && matchExpressions.length === 0
}
