// SPDX-License-Identifier: Apache-2.0
// Writes what was planned for a Deployment's ReplicaSets, with the events that tell of it.
import type { Deployment, ReplicaSet } from '../../../kube/types.gen.ts'
import { messageOf } from '../../../util/vk-error.ts'
import { StatusError } from '../../objects/api-status.ts'
import { deepEqual } from '../../objects/deep-equal.ts'
import type { ClusterApi, NewObject } from '../cluster-api.ts'
import { isNotFound } from '../workload/controller-queue.ts'
import { isControlledBy } from '../workload/owner-reference.ts'
import { isNamespaceEnding } from '../workload/pod-control.ts'
import { replicaSets } from '../workload/workload-resources.ts'
import { replicasOf } from './deployment-view.ts'
import type { DeploymentView } from './deployment-view.ts'
import type { Sizes } from './plan-rollout.ts'
import { hasTemplateOf } from './pod-template-hash.ts'
import { currentAnnotations, nextRevision, sizeAnnotations } from './revisions.ts'

/** What became of an attempt to create a ReplicaSet. */
export type Creation =
  | { readonly is: 'created' | 'found'; readonly replicaSet: ReplicaSet }
  /** Another object has the name: the hash needs another salt. */
  | { readonly is: 'collision' }
  | { readonly is: 'pointless' }
  | { readonly is: 'failed'; readonly message: string; readonly error: unknown }

export async function createReplicaSet(
  api: ClusterApi,
  deployment: Deployment,
  object: NewObject<ReplicaSet>,
): Promise<Creation> {
  const { namespace } = deployment.metadata
  const { name = '' } = object.metadata
  try {
    const replicaSet = await api.create(replicaSets, object)
    const size = replicasOf(replicaSet)
    if (size > 0) tellScaling(api, deployment, { name, from: 0, to: size })
    return { is: 'created', replicaSet }
  } catch (error) {
    if (isNamespaceEnding(error)) return { is: 'pointless' }
    if (error instanceof StatusError && error.reason === 'AlreadyExists') {
      const found = api.get(replicaSets, { namespace, name })
      if (found && isControlledBy(found, deployment) && hasTemplateOf(found, deployment)) {
        return { is: 'found', replicaSet: found }
      }
      return { is: 'collision' }
    }
    const message = `Failed to create new replica set ${JSON.stringify(name)}: ${messageOf(error)}`
    api.recordEvent(deployment, { type: 'Warning', reason: 'ReplicaSetCreateError', message })
    return { is: 'failed', message, error }
  }
}

/** Gives ReplicaSets their sizes, and the newest its revision. A write that lost a race rejects. */
export async function writeReplicaSets(
  api: ClusterApi,
  { deployment, current, old }: DeploymentView,
  sizes: Sizes,
): Promise<void> {
  const named = current ? [...old, current] : old
  for (const replicaSet of named) {
    const size = sizes.get(replicaSet)
    const isCurrent = replicaSet === current
    const revision = nextRevision(old)
    const has = replicaSet.metadata.annotations
    const annotations = {
      ...(isCurrent ? currentAnnotations(deployment, { has, revision }) : has),
      ...(size !== undefined && sizeAnnotations(deployment)),
    }
    const from = replicasOf(replicaSet)
    const to = size ?? from
    const minReadySeconds = isCurrent
      ? (deployment.spec.minReadySeconds ?? 0)
      : (replicaSet.spec.minReadySeconds ?? 0)
    const isSame =
      from === to &&
      minReadySeconds === (replicaSet.spec.minReadySeconds ?? 0) &&
      deepEqual(annotations, has ?? {})
    if (isSame) continue
    const { minReadySeconds: _old, ...spec } = { ...replicaSet.spec, replicas: to }
    await api.update(replicaSets, {
      ...replicaSet,
      metadata: { ...replicaSet.metadata, annotations },
      spec: { ...spec, ...(minReadySeconds > 0 && { minReadySeconds }) },
    })
    const { name } = replicaSet.metadata
    if (from !== to) tellScaling(api, deployment, { name, from, to })
  }
}

export async function deleteReplicaSets(
  api: ClusterApi,
  surplus: readonly ReplicaSet[],
): Promise<void> {
  for (const { metadata } of surplus) {
    const { uid, resourceVersion = '' } = metadata
    try {
      await api.delete(replicaSets, metadata, { preconditions: { uid, resourceVersion } })
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }
}

function tellScaling(
  api: ClusterApi,
  deployment: Deployment,
  { name, from, to }: { readonly name: string; readonly from: number; readonly to: number },
): void {
  const direction = from < to ? 'up' : 'down'
  const message = `Scaled ${direction} replica set ${name} from ${from} to ${to}`
  api.recordEvent(deployment, { type: 'Normal', reason: 'ScalingReplicaSet', message })
}
