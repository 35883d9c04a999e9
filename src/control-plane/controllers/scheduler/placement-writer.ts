// SPDX-License-Identifier: Apache-2.0
// Tells the API what the scheduler decided: bindings, the reasons why a pod waits, and the end of
// victims. All of it beside the decisions, which go on while these are under way.
import { pods } from '../../../kube/resources.ts'
import type { PodCondition } from '../../../kube/types.gen.ts'
import { messageOf } from '../../../util/vk-error.ts'
import type { ControllerContext } from '../cluster-api.ts'
import { isNotFound } from '../workload/controller-queue.ts'
import { changePodStatus, withPodCondition } from './pod-conditions.ts'
import type { PodFacts } from './pod-facts.ts'
import { eventMessage } from './unplaced-message.ts'

/** Name of the scheduler that pods get by default, and the only one served here. */
export const defaultSchedulerName = 'default-scheduler'

export interface Failure {
  readonly reason: 'Unschedulable' | 'SchedulerError'
  readonly message: string
  /** What status.nominatedNodeName becomes; undefined leaves it. */
  readonly nominatedNodeName?: string
}

/** Binds the pod; rejects when the API refuses. */
export async function writeBinding(
  { api }: ControllerContext,
  { namespace, name, uid, pod }: PodFacts,
  nodeName: string,
): Promise<void> {
  await api.bind({ namespace, name }, nodeName, uid)
  const message = `Successfully assigned ${namespace}/${name} to ${nodeName}`
  const event = { type: 'Normal', reason: 'Scheduled', message, action: 'Binding' } as const
  api.recordEvent(subjectOf(pod), event)
}

/** Writes why the pod waits: condition PodScheduled and event FailedScheduling. */
export async function writeFailure(
  { api, clock }: ControllerContext,
  { namespace, name, uid, pod }: PodFacts,
  { reason, message, nominatedNodeName }: Failure,
): Promise<void> {
  const event = {
    type: 'Warning',
    reason: 'FailedScheduling',
    message: eventMessage(message),
    action: 'Scheduling',
  } as const
  api.recordEvent(subjectOf(pod), event)
  const condition: PodCondition = { type: 'PodScheduled', status: 'False', reason, message }
  await changePodStatus(api, { namespace, name, uid }, (status, { spec }) => {
    if ((spec.nodeName ?? '') !== '') return status
    const next = withPodCondition(status, condition, clock.nowMs())
    const old = status?.nominatedNodeName ?? ''
    if (nominatedNodeName === undefined || nominatedNodeName === old) return next
    const { nominatedNodeName: _old, ...rest } = next
    return nominatedNodeName === '' ? rest : { ...rest, nominatedNodeName }
  })
}

/** Deletes a pod that has to make room for `preemptor`. */
export async function writePreemption(
  context: ControllerContext,
  victim: PodFacts,
  { preemptor, nodeName }: { readonly preemptor: PodFacts; readonly nodeName: string },
): Promise<void> {
  const { api, clock, log } = context
  const { namespace, name, uid } = victim
  const condition: PodCondition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'PreemptionByScheduler',
    message: `${defaultSchedulerName}: preempting to accommodate a higher priority pod`,
  }
  try {
    await changePodStatus(api, { namespace, name, uid }, (status) =>
      withPodCondition(status, condition, clock.nowMs()),
    )
    await api.delete(pods, { namespace, name }, { preconditions: { uid } })
  } catch (error) {
    if (isNotFound(error)) return
    log.warn({ pod: `${namespace}/${name}`, error: messageOf(error) }, 'Cannot preempt pod')
    throw error
  }
  const message = `Preempted by pod ${preemptor.uid} on node ${nodeName}`
  const event = { type: 'Normal', reason: 'Preempted', message, action: 'Preempting' } as const
  api.recordEvent(subjectOf(victim.pod), event)
}

function subjectOf<T extends { readonly metadata: object }>(
  pod: T,
): T & { readonly apiVersion: string; readonly kind: string } {
  return { ...pod, apiVersion: pods.apiVersion, kind: pods.kind }
}
