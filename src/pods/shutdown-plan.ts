// SPDX-License-Identifier: Apache-2.0
// In which order the pods of a node that shuts down are ended, and how long each has: groups by priority, the
// lowest first, each with a period of its own. Pure; the rules are the kubelet's.
import type { Pod } from '../kube/types.gen.ts'
import { systemCriticalPriority } from '../runtime/eviction/critical-pod.ts'

/** Pods from this priority up to that of the next group. */
export interface ShutdownGroup {
  readonly priority: number
  /** After so long the next group's turn has come, whatever is left of this one. */
  readonly seconds: number
}

/** Lowest priority first, at least one group. */
export type ShutdownPlan = readonly ShutdownGroup[]

/** What the shutdown asks of a pod now: to wait for its turn, or to end. */
export type ShutdownOrder = 'later' | { readonly graceSeconds: number }

export interface ShutdownPeriods {
  readonly totalSeconds: number
  /** The last part of `totalSeconds`. */
  readonly criticalSeconds: number
  /** Instead of the two. */
  readonly byPriority: readonly ShutdownGroup[]
}

/** The plan that the settings ask for; undefined when pods are to run on. */
export function shutdownPlan(periods: ShutdownPeriods): ShutdownPlan | undefined {
  const { totalSeconds, criticalSeconds, byPriority } = periods
  if (byPriority.length > 0) return byPriority.toSorted((a, b) => a.priority - b.priority)
  if (totalSeconds <= 0) return undefined
  return [
    { priority: 0, seconds: totalSeconds - criticalSeconds },
    { priority: systemCriticalPriority, seconds: criticalSeconds },
  ]
}

/** Index of the pod's group; what is below the lowest belongs to it. */
export function groupOf({ spec }: Pod, plan: ShutdownPlan): number {
  const { priority = 0 } = spec
  return Math.max(
    plan.findLastIndex((group) => group.priority <= priority),
    0,
  )
}

/** What a pod of this group has: its own grace, if the group's period is not shorter. */
export function shutdownGraceSeconds({ spec }: Pod, group: ShutdownGroup): number {
  return Math.min(spec.terminationGracePeriodSeconds ?? 30, group.seconds)
}

/** How long the whole plan may take. */
export function planSeconds(plan: ShutdownPlan): number {
  return plan.reduce((sum, { seconds }) => sum + seconds, 0)
}
