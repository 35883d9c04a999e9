// SPDX-License-Identifier: Apache-2.0
// How many pods of a disruption budget may go: a pure function of the budget, its pods and how many
// their owners want. A pod that is about to be evicted counts as gone already for two minutes.
import type { Pod, PodDisruptionBudget } from '../../../kube/types.gen.ts'
import { wireTime, parseWireTime } from '../../../util/wire-time.ts'
import { isPodReady } from '../workload/pod-facts.ts'

type Status = NonNullable<PodDisruptionBudget['status']>

/** How long an evicted pod may take until it is being deleted. */
export const deletionTimeoutMs = 120_000

export interface BudgetInput {
  readonly budget: PodDisruptionBudget
  /** The pods that the budget selects. */
  readonly pods: readonly Pod[]
  /** What the owners of the pods want to have together. */
  readonly expectedScale: number
  readonly nowMs: number
}

export interface BudgetVerdict {
  readonly status: Status
  /** When to look again because an eviction may have come to nothing. */
  readonly recheckInMs: number | undefined
}

/** The status that the budget ought to have. */
export function budgetStatus(input: BudgetInput): BudgetVerdict {
  const { budget, pods, nowMs } = input
  const { disruptedPods, recheckInMs } = stillDisrupted(budget, pods, nowMs)
  const isGoing = ({ metadata }: Pod): boolean =>
    metadata.deletionTimestamp !== undefined || disruptedPods[metadata.name] !== undefined
  const currentHealthy = pods.filter((pod) => !isGoing(pod) && isPodReady(pod)).length
  const { expectedPods, desiredHealthy } = expectation(input)
  const surplus = currentHealthy - desiredHealthy
  const disruptionsAllowed = expectedPods <= 0 ? 0 : Math.max(surplus, 0)
  const { generation } = budget.metadata
  const status = {
    currentHealthy,
    desiredHealthy,
    expectedPods,
    disruptionsAllowed,
    ...(Object.keys(disruptedPods).length > 0 && { disruptedPods }),
    ...(generation !== undefined && { observedGeneration: generation }),
  }
  return { status: { ...status, conditions: conditions(budget, status, nowMs) }, recheckInMs }
}

/** The number that `25%` or `3` means of a total; parts are rounded up. */
export function scaledValue(value: number | string, total: number): number {
  if (typeof value === 'number') return value
  const percent = /^(\d+)%$/.exec(value)?.[1]
  return percent === undefined ? 0 : Math.ceil((Number(percent) * total) / 100)
}

/** Whether the budget's numbers depend on what the pods' owners want. */
export function needsScale({ spec }: PodDisruptionBudget): boolean {
  return spec?.maxUnavailable !== undefined || typeof spec?.minAvailable === 'string'
}

function expectation({ budget, pods, expectedScale }: BudgetInput): {
  readonly expectedPods: number
  readonly desiredHealthy: number
} {
  const { maxUnavailable, minAvailable } = budget.spec ?? {}
  if (maxUnavailable !== undefined) {
    const healthy = expectedScale - scaledValue(maxUnavailable, expectedScale)
    return { expectedPods: expectedScale, desiredHealthy: Math.max(healthy, 0) }
  }
  if (minAvailable === undefined) return { expectedPods: 0, desiredHealthy: 0 }
  if (typeof minAvailable === 'number') {
    return { expectedPods: pods.length, desiredHealthy: minAvailable }
  }
  return {
    expectedPods: expectedScale,
    desiredHealthy: scaledValue(minAvailable, expectedScale),
  }
}

function stillDisrupted(
  { status }: PodDisruptionBudget,
  pods: readonly Pod[],
  nowMs: number,
): {
  readonly disruptedPods: Readonly<Record<string, string>>
  readonly recheckInMs: number | undefined
} {
  const disruptedPods: Record<string, string> = {}
  let recheckInMs: number | undefined
  for (const { metadata } of pods) {
    const time = status?.disruptedPods?.[metadata.name]
    const sinceMs = parseWireTime(time)
    if (time === undefined || sinceMs === undefined) continue
    const leftMs = sinceMs + deletionTimeoutMs - nowMs
    if (metadata.deletionTimestamp !== undefined || leftMs < 0) continue
    disruptedPods[metadata.name] = time
    recheckInMs = Math.min(recheckInMs ?? leftMs, leftMs)
  }
  return { disruptedPods, recheckInMs }
}

function conditions(
  budget: PodDisruptionBudget,
  {
    disruptionsAllowed,
    observedGeneration,
  }: { readonly disruptionsAllowed: number; readonly observedGeneration?: number },
  nowMs: number,
): NonNullable<Status['conditions']> {
  const type = 'DisruptionAllowed'
  const old = budget.status?.conditions?.find((one) => one.type === type)
  const isAllowed = disruptionsAllowed > 0
  const status = isAllowed ? 'True' : 'False'
  const lastTransitionTime = old?.status === status ? old.lastTransitionTime : wireTime(nowMs)
  const next = {
    type,
    status,
    reason: isAllowed ? 'SufficientPods' : 'InsufficientPods',
    message: '',
    lastTransitionTime,
    ...(observedGeneration !== undefined && { observedGeneration }),
  }
  return [...(budget.status?.conditions ?? []).filter((one) => one.type !== type), next]
}
