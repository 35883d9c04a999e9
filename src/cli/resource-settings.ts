// SPDX-License-Identifier: Apache-2.0
// Settings of a node about what its pods may use: what is reserved, when pods are evicted, how long they
// have when the node shuts down. Names are those of KubeletConfiguration.
import * as v from 'valibot'
import { parseThreshold } from '../runtime/eviction/thresholds.ts'
import { parseQuantity } from '../util/quantity.ts'
import { UserError } from '../util/vk-error.ts'

const reservable = ['cpu', 'memory', 'ephemeral-storage'] as const

const quantity = v.pipe(
  v.union([v.string(), v.number()]),
  v.transform(String),
  v.check(isQuantity, 'must hold quantities such as 500m or 1Gi'),
)
const reserved = v.pipe(
  v.record(v.string(), quantity),
  v.check(
    (amounts) => Object.keys(amounts).every((name) => isReservable(name)),
    `can hold only ${reservable.join(', ')}`,
  ),
)
const thresholds = v.pipe(
  v.record(v.string(), v.string()),
  v.check(
    areThresholds,
    'must hold amounts or percentages of memory.available, nodefs.available or nodefs.inodesFree',
  ),
)
const seconds = v.pipe(v.number(), v.minValue(0, 'must not be negative'))

const priorityPeriod = v.strictObject({
  priority: v.pipe(v.number(), v.integer()),
  shutdownGracePeriodSeconds: v.pipe(v.number(), v.integer(), v.minValue(0)),
})

/** What pods of some priority have to end when the node shuts down. */
export interface PriorityPeriod {
  /** Of the pods from this priority up to the next one that is named. */
  readonly priority: number
  readonly shutdownGracePeriodSeconds: number
}

/** The part of a node's settings that is about resources. */
export interface ResourceSettings {
  /** Kept back of the node's capacity, for this machine and for virtual-kubelet; both add up. */
  readonly systemReserved: Readonly<Record<string, string>>
  readonly kubeReserved: Readonly<Record<string, string>>
  /** By signal, such as `memory.available`: an amount or a share in percent. Empty: pods are not evicted. */
  readonly evictionHard: Readonly<Record<string, string>>
  /** The same, which evict pods only when they have been crossed for their period. */
  readonly evictionSoft: Readonly<Record<string, string>>
  /** By signal; each of `evictionSoft` has one. */
  readonly evictionSoftGracePeriodSeconds: Readonly<Record<string, number>>
  /** How long a pod that goes for a soft one may take to end, where it asks for more; below zero: what it asks for. */
  readonly evictionMaxPodGracePeriodSeconds: number
  /** For so long a node that was under pressure says that it is. */
  readonly evictionPressureTransitionPeriodSeconds: number
  /** For all pods, when the node shuts down; 0: pods run on. */
  readonly shutdownGracePeriodSeconds: number
  /** The part of it that is kept for critical pods, after all others. */
  readonly shutdownGracePeriodCriticalPodsSeconds: number
  readonly shutdownGracePeriodByPodPriority: readonly PriorityPeriod[]
}

type Entries = {
  readonly [Key in keyof ResourceSettings]: v.GenericSchema<unknown, ResourceSettings[Key]>
}

/** For the schema of a node's settings. */
export const resourceEntries: Entries = {
  systemReserved: v.optional(reserved, {}),
  kubeReserved: v.optional(reserved, {}),
  evictionHard: v.optional(thresholds, {}),
  evictionSoft: v.optional(thresholds, {}),
  evictionSoftGracePeriodSeconds: v.optional(v.record(v.string(), seconds), {}),
  evictionMaxPodGracePeriodSeconds: v.optional(v.pipe(v.number(), v.integer()), 0),
  evictionPressureTransitionPeriodSeconds: v.optional(seconds, 300),
  shutdownGracePeriodSeconds: v.optional(seconds, 0),
  shutdownGracePeriodCriticalPodsSeconds: v.optional(seconds, 0),
  shutdownGracePeriodByPodPriority: v.optional(v.array(priorityPeriod), []),
}

/** Throws UserError for settings that are well-formed each, but not together. */
export function checkResourceSettings(settings: ResourceSettings): void {
  const {
    shutdownGracePeriodSeconds: total,
    shutdownGracePeriodCriticalPodsSeconds: critical,
    shutdownGracePeriodByPodPriority: byPriority,
    evictionSoft,
    evictionSoftGracePeriodSeconds: periods,
  } = settings
  const impatient = Object.keys(evictionSoft).find((signal) => periods[signal] === undefined)
  if (impatient !== undefined) {
    throw new UserError(
      `Cannot use --eviction-soft: a grace period must be specified for the soft eviction threshold ${impatient}`,
      { hint: `Say how long it may last: --eviction-soft-grace-period ${impatient}=1m30s` },
    )
  }
  if (critical > total) {
    throw new UserError(
      `Cannot use --shutdown-grace-period-critical-pods: it is part of --shutdown-grace-period and must not be longer (${critical} s of ${total} s)`,
    )
  }
  if (byPriority.length > 0 && total > 0) {
    throw new UserError(
      'Cannot use --shutdown-grace-period-by-pod-priority: --shutdown-grace-period is given as well',
      { hint: 'Leave out one of them.' },
    )
  }
}

function isReservable(name: string): boolean {
  return (reservable as readonly string[]).includes(name)
}

function isQuantity(text: string): boolean {
  try {
    return parseQuantity(text).nanos >= 0n
  } catch {
    // parseQuantity throws for nothing but a text that is no quantity.
    return false
  }
}

function areThresholds(thresholds: Readonly<Record<string, string>>): boolean {
  return Object.entries(thresholds).every(([signal, text]) => parseThreshold(signal, text))
}
