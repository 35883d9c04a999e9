// SPDX-License-Identifier: Apache-2.0
// The status of a Deployment, from its ReplicaSets. Pure.
import type { Deployment, DeploymentStatus, ReplicaSet } from '../../../kube/types.gen.ts'
import { parseWireTime } from '../../../util/wire-time.ts'
import { conditionOf, nonZero, withCondition, withoutCondition } from '../workload/status-fields.ts'
import { renewCondition, setCondition } from './deployment-conditions.ts'
import type { Conditions } from './deployment-conditions.ts'
import { availableOf, replicasOf, sum } from './deployment-view.ts'
import type { DeploymentView } from './deployment-view.ts'
import { isComplete } from './plan-deployment.ts'
import { rolloutLimits } from './rollout-limits.ts'

export interface StatusContext {
  readonly isRollout: boolean
  /** Whether this pass has created the new ReplicaSet. */
  readonly isCreated: boolean
  readonly nowMs: number
}

export function deploymentStatus(view: DeploymentView, context: StatusContext): DeploymentStatus {
  const counters = countersOf(view)
  let conditions: Conditions = view.deployment.status?.conditions ?? []
  conditions = setPaused(conditions, view, context)
  conditions = setFound(conditions, view, context)
  conditions = setAvailable(conditions, { view, counters }, context)
  if (context.isRollout) {
    conditions = setProgress(conditions, { view, counters }, context)
    conditions = setFailure(conditions, view)
  }
  return { ...counters, ...(conditions.length > 0 && { conditions }) }
}

/** Milliseconds until a rollout that shows no progress has to be called stuck; undefined: never. */
export function progressCheckInMs(
  deployment: Deployment,
  { status, nowMs }: { readonly status: DeploymentStatus; readonly nowMs: number },
): number | undefined {
  const condition = conditionOf(status.conditions, 'Progressing')
  const sinceMs = parseWireTime(condition?.lastUpdateTime)
  if (!hasDeadline(deployment) || sinceMs === undefined || deployment.spec.paused === true) {
    return undefined
  }
  if (isComplete(deployment, status) || condition?.reason === timedOut) return undefined
  const { progressDeadlineSeconds = 0 } = deployment.spec
  // A second more, because times in objects are cut to seconds.
  return Math.max(0, sinceMs + progressDeadlineSeconds * 1000 - nowMs) + 1000
}

const timedOut = 'ProgressDeadlineExceeded'
const available = 'NewReplicaSetAvailable'
const paused = 'DeploymentPaused'

function hasDeadline({ spec }: Deployment): boolean {
  const { progressDeadlineSeconds = 2 ** 31 - 1 } = spec
  return progressDeadlineSeconds !== 2 ** 31 - 1
}

function countersOf({ deployment, current, old }: DeploymentView): DeploymentStatus {
  const all = current ? [...old, current] : old
  const availableReplicas = sum(all, availableOf)
  const terminating = terminatingOf(all)
  return {
    ...nonZero({
      observedGeneration: deployment.metadata.generation ?? 0,
      replicas: sum(all, ({ status }) => status?.replicas ?? 0),
      updatedReplicas: current?.status?.replicas ?? 0,
      readyReplicas: sum(all, ({ status }) => status?.readyReplicas ?? 0),
      availableReplicas,
      unavailableReplicas: Math.max(0, sum(all, replicasOf) - availableReplicas),
    }),
    ...(terminating !== undefined && { terminatingReplicas: terminating }),
    ...(deployment.status?.collisionCount !== undefined && {
      collisionCount: deployment.status.collisionCount,
    }),
  }
}

/** Undefined while a ReplicaSet that has been looked at does not say. */
function terminatingOf(all: readonly ReplicaSet[]): number | undefined {
  const isUnknown = all.some(
    ({ status }) =>
      status?.observedGeneration !== undefined && status.terminatingReplicas === undefined,
  )
  return isUnknown ? undefined : sum(all, ({ status }) => status?.terminatingReplicas ?? 0)
}

interface Judged {
  readonly view: DeploymentView
  readonly counters: DeploymentStatus
}

// While a Deployment is paused its clock stands still.
function setPaused(
  conditions: Conditions,
  { deployment }: DeploymentView,
  { nowMs }: StatusContext,
): Conditions {
  const reason = conditionOf(conditions, 'Progressing')?.reason
  const isPaused = deployment.spec.paused === true
  const isLeaving = deployment.metadata.deletionTimestamp !== undefined
  if (!hasDeadline(deployment) || isLeaving || reason === timedOut) return conditions
  if (isPaused === (reason === paused)) return conditions
  const words = isPaused
    ? { reason: paused, message: 'Deployment is paused' }
    : { reason: 'DeploymentResumed', message: 'Deployment is resumed' }
  return setCondition(conditions, { type: 'Progressing', status: 'Unknown', ...words }, nowMs)
}

function setFound(
  conditions: Conditions,
  { deployment, current }: DeploymentView,
  { isCreated, nowMs }: StatusContext,
): Conditions {
  const isKnown = conditionOf(conditions, 'Progressing') !== undefined
  if (!current || !hasDeadline(deployment) || (isKnown && !isCreated)) return conditions
  const name = JSON.stringify(current.metadata.name)
  const words = isCreated
    ? { reason: 'NewReplicaSetCreated', message: `Created new replica set ${name}` }
    : { reason: 'FoundNewReplicaSet', message: `Found new replica set ${name}` }
  return setCondition(conditions, { type: 'Progressing', status: 'True', ...words }, nowMs)
}

function setAvailable(
  conditions: Conditions,
  { view: { deployment }, counters }: Judged,
  { nowMs }: StatusContext,
): Conditions {
  const { replicas = 1 } = deployment.spec
  const least = replicas - rolloutLimits(deployment).maxUnavailable
  const words =
    (counters.availableReplicas ?? 0) >= least
      ? ({
          status: 'True',
          reason: 'MinimumReplicasAvailable',
          message: 'Deployment has minimum availability.',
        } as const)
      : ({
          status: 'False',
          reason: 'MinimumReplicasUnavailable',
          message: 'Deployment does not have minimum availability.',
        } as const)
  return setCondition(conditions, { type: 'Available', ...words }, nowMs)
}

function setProgress(conditions: Conditions, judged: Judged, { nowMs }: StatusContext): Conditions {
  const { deployment, current } = judged.view
  const { counters } = judged
  if (!hasDeadline(deployment)) return withoutCondition(conditions, 'Progressing')
  const old = conditionOf(conditions, 'Progressing')
  const isOver = (counters.replicas ?? 0) === (counters.updatedReplicas ?? 0)
  if (isOver && old?.reason === available) return conditions
  const who = current
    ? `ReplicaSet ${JSON.stringify(current.metadata.name)}`
    : `Deployment ${JSON.stringify(deployment.metadata.name)}`
  const type = 'Progressing'
  if (isComplete(deployment, counters)) {
    const message = `${who} has successfully progressed.`
    return setCondition(conditions, { type, status: 'True', reason: available, message }, nowMs)
  }
  if (hasProgressed(deployment.status ?? {}, counters)) {
    const words = { reason: 'ReplicaSetUpdated', message: `${who} is progressing.` }
    return renewCondition(conditions, { type, status: 'True', ...words }, nowMs)
  }
  if (!isTimedOut({ conditions, deployment, nowMs })) return conditions
  const message = `${who} has timed out progressing.`
  return setCondition(conditions, { type, status: 'False', reason: timedOut, message }, nowMs)
}

function hasProgressed(before: DeploymentStatus, now: DeploymentStatus): boolean {
  const oldPods = (status: DeploymentStatus): number =>
    (status.replicas ?? 0) - (status.updatedReplicas ?? 0)
  return (
    (now.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    oldPods(now) < oldPods(before) ||
    (now.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (now.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  )
}

function isTimedOut(parts: {
  readonly conditions: Conditions
  readonly deployment: Deployment
  readonly nowMs: number
}): boolean {
  const { conditions, deployment, nowMs } = parts
  const condition = conditionOf(conditions, 'Progressing')
  if (!condition || condition.reason === available) return false
  if (condition.reason === timedOut) return true
  const { progressDeadlineSeconds = 0 } = deployment.spec
  return (parseWireTime(condition.lastUpdateTime) ?? nowMs) + progressDeadlineSeconds * 1000 < nowMs
}

/** The first failure of a ReplicaSet, the new one's before the others'. */
function setFailure(conditions: Conditions, { current, old }: DeploymentView): Conditions {
  const type = 'ReplicaFailure'
  const failures = [...(current ? [current] : []), ...old].map(({ status }) =>
    conditionOf(status?.conditions, type),
  )
  const failure = failures.find((one) => one !== undefined)
  if (!failure) return withoutCondition(conditions, type)
  const known = conditionOf(conditions, type)
  if (known?.status === failure.status && known.reason === failure.reason) return conditions
  const { lastTransitionTime } = failure
  return withCondition(conditions, {
    ...failure,
    ...(lastTransitionTime !== undefined && { lastUpdateTime: lastTransitionTime }),
  })
}
