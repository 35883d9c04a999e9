// SPDX-License-Identifier: Apache-2.0
// Whether a pod may be evicted now. A PodDisruptionBudget protects healthy pods: each eviction takes one
// of the disruptions that its status allows, until the controller has counted again.
import type { Pod, PodDisruptionBudget } from '../../kube/types.gen.ts'
import { forbidden, StatusError } from '../objects/api-status.ts'
import { wireTime } from '../../util/wire-time.ts'

const maxDisruptedPods = 2000

/** What an eviction does. */
export interface EvictionDecision {
  /**
   * The budget's new status, to be stored before the pod is deleted; undefined when none is charged.
   * Not in a dry run.
   */
  readonly budgetStatus: PodDisruptionBudget['status'] | undefined
  /** The budget that is charged. */
  readonly budget: PodDisruptionBudget | undefined
  /** The delete must be of this very state of the pod: a pod that has become ready is protected. */
  readonly requiresSameVersion: boolean
}

const free: EvictionDecision = {
  budget: undefined,
  budgetStatus: undefined,
  requiresSameVersion: false,
}

/** The condition that an evicted pod gets before its deletion. */
export const evictionCondition = {
  type: 'DisruptionTarget',
  status: 'True',
  reason: 'EvictionByEvictionAPI',
  message: 'Eviction API: evicting',
} as const

/**
 * Decides over a pod and the budgets that select it. Throws StatusError: 429 with cause DisruptionBudget
 * when it must wait, 500 for more than one budget.
 */
export function decideEviction(
  pod: Pod,
  budgets: readonly PodDisruptionBudget[],
  nowMs: number,
): EvictionDecision {
  if (hasNothingToDisrupt(pod)) {
    return { ...free, requiresSameVersion: pod.status?.phase === 'Pending' }
  }
  const [budget, ...others] = budgets
  if (!budget) return free
  if (others.length > 0) {
    const message =
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.'
    throw new StatusError(500, '', message)
  }
  if (!isReady(pod) && mayGoUnready(budget)) return { ...free, requiresSameVersion: true }
  checkBudget(budget)
  const { disruptedPods = {}, disruptionsAllowed = 0 } = budget.status ?? {}
  const name = pod.metadata.name
  const now = wireTime(nowMs)
  return {
    budget,
    requiresSameVersion: false,
    budgetStatus: {
      ...budget.status,
      disruptionsAllowed: disruptionsAllowed - 1,
      disruptedPods: { ...disruptedPods, [name]: now },
      ...(disruptionsAllowed === 1 && { conditions: withoutDisruptions(budget, now) }),
    },
  }
}

function hasNothingToDisrupt({ metadata, status }: Pod): boolean {
  const ended = ['Succeeded', 'Failed', 'Pending'].includes(status?.phase ?? '')
  return ended || metadata.deletionTimestamp !== undefined
}

function isReady({ status }: Pod): boolean {
  return (status?.conditions ?? []).some((one) => one.type === 'Ready' && one.status === 'True')
}

function mayGoUnready({ spec, status }: PodDisruptionBudget): boolean {
  if (spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {}
  return currentHealthy >= desiredHealthy && desiredHealthy > 0
}

function checkBudget({ metadata, status }: PodDisruptionBudget): void {
  const { name } = metadata
  const { disruptedPods = {}, disruptionsAllowed = 0, observedGeneration = 0 } = status ?? {}
  if (observedGeneration < (metadata.generation ?? 0)) {
    throw tooMany(`The disruption budget ${name} is still being processed by the server.`, 10)
  }
  const resource = { group: 'policy', plural: 'poddisruptionbudget' }
  if (disruptionsAllowed < 0) {
    throw forbidden(resource, name, 'pdb disruptions allowed is negative')
  }
  if (Object.keys(disruptedPods).length > maxDisruptedPods) {
    const why = 'DisruptedPods map too big - too many evictions not confirmed by PDB controller'
    throw forbidden(resource, name, why)
  }
  if (disruptionsAllowed === 0) throw tooMany(whyNone(name, status ?? {}), 0)
}

function whyNone(name: string, status: NonNullable<PodDisruptionBudget['status']>): string {
  const { conditions = [], currentHealthy = 0, desiredHealthy = 0 } = status
  const condition = conditions.find(({ type }) => type === 'DisruptionAllowed')
  const message = condition?.status === 'False' ? (condition.message ?? '') : ''
  const refusal = `The disruption budget ${name} does not allow evicting pods currently`
  if (message !== '' && condition?.reason === 'SyncFailed') {
    return `${refusal} because it failed sync: ${message}`
  }
  if (currentHealthy <= desiredHealthy) {
    return `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`
  }
  return message === '' ? refusal : `${refusal} (${condition?.reason}): ${message}`
}

function tooMany(cause: string, retryAfterSeconds: number): StatusError {
  const message = "Cannot evict pod as it would violate the pod's disruption budget."
  return new StatusError(429, 'TooManyRequests', message, {
    causes: [{ reason: 'DisruptionBudget', message: cause }],
    ...(retryAfterSeconds > 0 && { retryAfterSeconds }),
  })
}

function withoutDisruptions({ metadata, status }: PodDisruptionBudget, now: string) {
  const { conditions = [] } = status ?? {}
  const type = 'DisruptionAllowed'
  const old = conditions.find((one) => one.type === type)
  const next = {
    type,
    status: 'False',
    reason: 'InsufficientPods',
    message: '',
    lastTransitionTime: old?.status === 'False' ? old.lastTransitionTime : now,
    ...(metadata.generation !== undefined && { observedGeneration: metadata.generation }),
  }
  return [...conditions.filter((one) => one.type !== type), next]
}
