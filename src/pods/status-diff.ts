// SPDX-License-Identifier: Apache-2.0
// The smallest strategic-merge PATCH that makes the API's pod status what it should be, or nothing.
// Only fields and conditions that a node owns are ever mentioned, so whatever others have written
// stays. Lists of container statuses go whole, as the API server replaces them whole; addresses merge
// by ip, so stale ones are deleted by name.
import type { Pod, PodCondition, PodStatus } from '../kube/types.gen.ts'
import { ownedConditionTypes } from '../runtime/decide/pod-conditions.ts'
import { wireTime } from '../util/wire-time.ts'
import { resizeConditionTypes } from './resize-conditions.ts'
import { sameWire } from './wire-equal.ts'

/** Body of a PATCH on pods/status; the UID makes the server refuse it for a successor of that name. */
export interface StatusPatch {
  readonly metadata: { readonly uid: string }
  readonly status: Readonly<Record<string, unknown>>
}

const plainFields = ['phase', 'reason', 'message', 'podIP', 'hostIP'] as const
const listFields = [
  'containerStatuses',
  'initContainerStatuses',
  'ephemeralContainerStatuses',
] as const
/** There only where they are known, and never taken away. */
const resourceFields = ['resources', 'allocatedResources'] as const
const addressFields = ['podIPs', 'hostIPs'] as const
const ownedTypes: ReadonlySet<string> = new Set([...ownedConditionTypes, ...resizeConditionTypes])

/** The PATCH from the status that `api` has to `wanted`; undefined when nothing is to be said. */
export function diffStatus(api: Pod, wanted: PodStatus, nowMs: number): StatusPatch | undefined {
  const had = api.status ?? {}
  const status: Record<string, unknown> = {}
  for (const field of plainFields) {
    if (!sameWire(had[field], wanted[field])) status[field] = wanted[field] ?? null
  }
  for (const field of listFields) {
    if (!sameWire(had[field], wanted[field])) status[field] = wanted[field] ?? []
  }
  for (const field of resourceFields) {
    const value = wanted[field]
    if (value && !sameWire(had[field], value)) status[field] = value
  }
  for (const field of addressFields) {
    const patch = diffAddresses(had[field] ?? [], wanted[field] ?? [])
    if (patch) status[field] = patch
  }
  // Set once: activeDeadlineSeconds counts from it.
  if (!had.startTime && wanted.startTime) status['startTime'] = wanted.startTime
  const conditions = diffConditions(had.conditions ?? [], wanted.conditions ?? [], nowMs)
  const hasChange = Object.keys(status).length > 0 || conditions.some(({ isMore }) => isMore)
  const isAhead = (wanted.observedGeneration ?? 0) > (had.observedGeneration ?? 0)
  // A deletion raises the generation as well. That alone is no news: its end is, and comes soon.
  if (!hasChange && (!isAhead || api.metadata.deletionTimestamp !== undefined)) return undefined
  if (isAhead) status['observedGeneration'] = wanted.observedGeneration
  if (conditions.length > 0) status['conditions'] = conditions.map(({ patch }) => patch)
  return { metadata: { uid: api.metadata.uid }, status }
}

interface ConditionDiff {
  readonly patch: Readonly<Record<string, unknown>>
  /** More than the observedGeneration differs. */
  readonly isMore: boolean
}

function diffConditions(
  had: readonly PodCondition[],
  wanted: readonly PodCondition[],
  nowMs: number,
): readonly ConditionDiff[] {
  const diffs: ConditionDiff[] = []
  for (const condition of wanted) {
    if (!isOurs(condition)) continue
    const before = had.find(({ type }) => type === condition.type)
    const diff = diffCondition(before, condition, nowMs)
    if (diff) diffs.push(diff)
  }
  for (const type of resizeConditionTypes) {
    const isOver = had.some((one) => one.type === type) && !wanted.some((one) => one.type === type)
    if (isOver) diffs.push({ isMore: true, patch: { $patch: 'delete', type } })
  }
  return diffs
}

// A DisruptionTarget is shared: we add ours, and never touch another's.
function isOurs({ type, reason }: PodCondition): boolean {
  if (type === 'DisruptionTarget') return reason === 'TerminationByKubelet'
  return ownedTypes.has(type)
}

function diffCondition(
  before: PodCondition | undefined,
  { type, status, reason, message, observedGeneration, lastTransitionTime }: PodCondition,
  nowMs: number,
): ConditionDiff | undefined {
  const isSameStatus = before?.status === status
  const isMore =
    !isSameStatus || !sameWire(before?.reason, reason) || !sameWire(before?.message, message)
  const isAhead = (observedGeneration ?? 0) > (before?.observedGeneration ?? 0)
  if (!isMore && !isAhead) return undefined
  const movedAt = lastTransitionTime ?? wireTime(nowMs)
  const transition = isSameStatus ? (before.lastTransitionTime ?? movedAt) : movedAt
  return {
    isMore,
    patch: {
      type,
      status,
      lastTransitionTime: transition,
      ...orNull('reason', reason, before?.reason),
      ...orNull('message', message, before?.message),
      ...(isAhead && { observedGeneration }),
    },
  }
}

// A merge keeps what the patch does not name, so a field that is to go is named with null.
function orNull(
  field: string,
  wanted: string | undefined,
  had: string | undefined,
): Readonly<Record<string, string | null>> {
  if (wanted) return { [field]: wanted }
  return had ? { [field]: null } : {}
}

interface Address {
  readonly ip: string
}

function diffAddresses(
  had: readonly Address[],
  wanted: readonly Address[],
): readonly unknown[] | undefined {
  if (sameWire(had, wanted)) return undefined
  const wantedIPs = new Set(wanted.map(({ ip }) => ip))
  const kept = had.filter(({ ip }) => wantedIPs.has(ip))
  const keptIPs = new Set(kept.map(({ ip }) => ip))
  const added = wanted.filter(({ ip }) => !keptIPs.has(ip))
  // The server puts what is new behind what is kept; where that order is wrong the list is replaced.
  if (!sameWire([...kept, ...added], wanted)) return [...wanted, { $patch: 'replace' }]
  const stale = had.filter(({ ip }) => !wantedIPs.has(ip))
  return [...added, ...stale.map(({ ip }) => ({ ip, $patch: 'delete' }))]
}
