// SPDX-License-Identifier: Apache-2.0
// Everything that one pass over a Deployment wants done to its ReplicaSets. Pure.
import type { Deployment, DeploymentStatus, ReplicaSet } from '../../../kube/types.gen.ts'
import type { NewObject } from '../cluster-api.ts'
import { controllerReference } from '../workload/owner-reference.ts'
import { deployments } from '../workload/workload-resources.ts'
import { replicasOf, sum } from './deployment-view.ts'
import type { DeploymentView } from './deployment-view.ts'
import { nextSizeOfCurrent, planRecreate, planRolling } from './plan-rollout.ts'
import type { Sizes } from './plan-rollout.ts'
import { isScalingEvent, planScale } from './plan-scale.ts'
import { podTemplateHash, templateHashLabel } from './pod-template-hash.ts'
import { currentAnnotations, nextRevision, revisionOf, sizeAnnotations } from './revisions.ts'

export interface DeploymentPlan {
  /** To be created before anything else; afterwards the pass begins anew. */
  readonly create?: NewObject<ReplicaSet>
  readonly sizes: Sizes
  /** Old ReplicaSets beyond the history that is to be kept. */
  readonly remove: readonly ReplicaSet[]
  /** Whether this is a step of a rollout, so that progress is watched. */
  readonly isRollout: boolean
}

export function planDeployment(view: DeploymentView, hasOldPods: () => boolean): DeploymentPlan {
  const { deployment, current, old } = view
  const { paused = false, strategy } = deployment.spec
  if (deployment.metadata.deletionTimestamp !== undefined) {
    return { sizes: new Map(), remove: [], isRollout: false }
  }
  if (paused || isScalingEvent(view)) {
    const remove = paused ? surplusHistory(view) : []
    return { sizes: planScale(view), remove, isRollout: false }
  }
  const step = { sizes: new Map(), remove: [], isRollout: true }
  const isRecreate = strategy?.type === 'Recreate'
  if (isRecreate) {
    const active = old.filter((one) => replicasOf(one) > 0)
    if (active.length > 0) return { ...step, sizes: new Map(active.map((one) => [one, 0])) }
    if (hasOldPods()) return step
  }
  if (!current) return { ...step, create: newReplicaSet(view) }
  const rollout = { deployment, current, old }
  const sizes = isRecreate ? planRecreate(rollout, false) : planRolling(rollout)
  const isDone = sizes.size === 0 && isComplete(deployment, deployment.status ?? {})
  return { ...step, sizes, remove: isDone ? surplusHistory(view) : [] }
}

/** All wanted pods are of the new template and available, and no other is left. */
export function isComplete({ metadata, spec }: Deployment, status: DeploymentStatus): boolean {
  const { replicas = 1 } = spec
  return (
    (status.updatedReplicas ?? 0) === replicas &&
    (status.replicas ?? 0) === replicas &&
    (status.availableReplicas ?? 0) === replicas &&
    (status.observedGeneration ?? 0) >= (metadata.generation ?? 0)
  )
}

function newReplicaSet({ deployment, old }: DeploymentView): NewObject<ReplicaSet> {
  const { metadata, spec } = deployment
  const hash = podTemplateHash(deployment)
  const labels = { ...spec.template.metadata?.labels, [templateHashLabel]: hash }
  const total = sum(old, replicasOf)
  const maxNameLength = 253 - hash.length - 1
  return {
    metadata: {
      // The name follows from the template, so that a second attempt finds the first one's work.
      name: `${metadata.name.slice(0, maxNameLength)}-${hash}`,
      namespace: metadata.namespace,
      labels,
      annotations: {
        ...currentAnnotations(deployment, { has: undefined, revision: nextRevision(old) }),
        ...sizeAnnotations(deployment),
      },
      ownerReferences: [controllerReference(deployments, deployment)],
    },
    spec: {
      replicas: nextSizeOfCurrent(deployment, { total, own: 0 }),
      ...(spec.minReadySeconds !== undefined && { minReadySeconds: spec.minReadySeconds }),
      selector: {
        ...spec.selector,
        matchLabels: { ...spec.selector.matchLabels, [templateHashLabel]: hash },
      },
      template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
    },
  }
}

function surplusHistory({ deployment, old }: DeploymentView): readonly ReplicaSet[] {
  const { revisionHistoryLimit: limit = 2 ** 31 - 1 } = deployment.spec
  const candidates = old.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  const surplus = candidates.length - limit
  if (surplus <= 0 || limit === 2 ** 31 - 1) return []
  return candidates
    .toSorted((a, b) => revisionOf(a) - revisionOf(b))
    .slice(0, surplus)
    .filter(isSpent)
}

/** Has no pods, wants none, and its controller has seen that it wants none. */
function isSpent({ metadata, spec, status }: ReplicaSet): boolean {
  const isObserved = (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0)
  return spec.replicas === 0 && (status?.replicas ?? 0) === 0 && isObserved
}
