// SPDX-License-Identifier: Apache-2.0
// Three-way merge of a Node: from what was ours (owned-fields.ts), what we want and what the API has
// come the smallest patches that make ours right and touch nothing that others have set.
// Metadata and spec go by JSON merge patch; status by strategic merge patch, which knows conditions by
// their type.
import type { Node, NodeAddress, NodeCondition, Taint } from '../kube/types.gen.ts'
import { compare, parseQuantity } from '../util/quantity.ts'
import { isSettableLabel } from './node-labels.ts'
import type { DesiredNode, DesiredNodeStatus } from './node-object.ts'
import { taintId } from './node-taints.ts'
import { nextOwned, ownedAnnotation, readOwned } from './owned-fields.ts'
import type { OwnedFields } from './owned-fields.ts'
import { wireTime } from '../util/wire-time.ts'

/** The body of a patch: plain JSON. */
export type PatchBody = Readonly<Record<string, unknown>>

/** What a `system:node:` identity may not do is left out when `isNodeIdentity`. */
export interface MergeOptions {
  readonly isNodeIdentity: boolean
}

/** Merge patch for the Node's labels, annotations, taints and providerID; undefined: all is right. */
export function objectPatch(
  live: Node,
  desired: DesiredNode,
  { isNodeIdentity }: MergeOptions,
): PatchBody | undefined {
  const owned = readOwned(live)
  const mayRemove = (key: string): boolean => !isNodeIdentity || isSettableLabel(key)
  const labels = mapPatch(live.metadata.labels, {
    desired: desired.labels,
    owned: owned.labels.filter(mayRemove),
  })
  const annotations = mapPatch(live.metadata.annotations, {
    desired: {
      ...desired.annotations,
      [ownedAnnotation]: ownedText(live, desired, isNodeIdentity),
    },
    owned: owned.annotations,
  })
  const taints = isNodeIdentity ? undefined : mergedTaints(live, desired, owned)
  const providerID = live.spec?.providerID ? undefined : desired.providerID
  if (!labels && !annotations && !taints && providerID === undefined) return undefined
  // A list can only be replaced as a whole: not after somebody else has changed it.
  const lock = taints && { resourceVersion: live.metadata.resourceVersion }
  return {
    metadata: { ...(labels && { labels }), ...(annotations && { annotations }), ...lock },
    ...((taints || providerID !== undefined) && {
      spec: { ...(taints && { taints }), ...(providerID !== undefined && { providerID }) },
    }),
  }
}

// A node identity cannot change taints, so the ones it cannot remove stay on the list.
function ownedText(live: Node, desired: DesiredNode, isNodeIdentity: boolean): string {
  const next = nextOwned(live, desired)
  return JSON.stringify(isNodeIdentity ? { ...next, taints: readOwned(live).taints } : next)
}

/** Do our taints differ from the Node's? A node identity can only say so. */
export function hasTaintDrift(live: Node, desired: DesiredNode): boolean {
  return mergedTaints(live, desired, readOwned(live)) !== undefined
}

function mergedTaints(
  live: Node,
  desired: DesiredNode,
  owned: OwnedFields,
): readonly Taint[] | undefined {
  const present = live.spec?.taints ?? []
  const wanted = new Map(desired.taints.map((taint) => [taintId(taint), taint]))
  const kept = present.filter((taint) => {
    const id = taintId(taint)
    return wanted.has(id) ? isSameTaint(wanted.get(id), taint) : !owned.taints.includes(id)
  })
  const keptIds = new Set(kept.map(taintId))
  const added = desired.taints.filter((taint) => !keptIds.has(taintId(taint)))
  if (added.length === 0 && kept.length === present.length) return undefined
  return [...kept, ...added]
}

function isSameTaint(a: Taint | undefined, b: Taint): boolean {
  return (a?.value ?? '') === (b.value ?? '')
}

function mapPatch(
  live: Readonly<Record<string, string>> = {},
  { desired, owned }: { desired: Readonly<Record<string, string>>; owned: readonly string[] },
  isSame: (a: string, b: string) => boolean = (a, b) => a === b,
): Record<string, string | null> | undefined {
  const changes: [string, string | null][] = []
  for (const [key, value] of Object.entries(desired)) {
    const present = own(live, key)
    if (present === undefined || !isSame(present, value)) changes.push([key, value])
  }
  for (const key of owned) {
    if (own(desired, key) === undefined && own(live, key) !== undefined) changes.push([key, null])
  }
  return changes.length === 0 ? undefined : Object.fromEntries(changes)
}

// A key may be called `constructor`.
function own(map: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined
}

/** A status patch, and whether it says anything that the API does not know yet. */
export interface StatusPatch {
  readonly body: PatchBody
  /** False: only heartbeat times. */
  readonly isChange: boolean
}

/** Strategic merge patch for the Node's status; always carries our conditions with a new heartbeat. */
export function statusPatch(live: Node, desired: DesiredNode, nowMs: number): StatusPatch {
  const present = live.status ?? {}
  const { status } = desired
  const owned = readOwned(live)
  const changes = {
    ...resourceChanges(live, status, owned),
    ...(textOf(present.addresses ?? []) === textOf(status.addresses)
      ? {}
      : { addresses: [...status.addresses, { $patch: 'replace' }] }),
    ...(present.daemonEndpoints?.kubeletEndpoint?.Port ===
    status.daemonEndpoints.kubeletEndpoint.Port
      ? {}
      : { daemonEndpoints: status.daemonEndpoints }),
    ...(isIncluded(status.nodeInfo, present.nodeInfo) ? {} : { nodeInfo: status.nodeInfo }),
    ...(status.images && JSON.stringify(present.images ?? []) !== JSON.stringify(status.images)
      ? { images: status.images }
      : {}),
  }
  // API servers before 1.35 drop the field. It is said with whatever else is said, and is no news alone.
  const { declaredFeatures = [] } = status
  const declares = declaredFeatures.join() !== (present.declaredFeatures ?? []).join()
  const { conditions, isChange } = conditionChanges(live, desired, { owned, nowMs })
  return {
    body: { status: { ...changes, ...(declares && { declaredFeatures }), conditions } },
    isChange: isChange || Object.keys(changes).length > 0,
  }
}

function resourceChanges(
  live: Node,
  status: DesiredNodeStatus,
  owned: OwnedFields,
): Readonly<Record<string, unknown>> {
  const changesOf = (kind: 'capacity' | 'allocatable'): object => {
    const desired = status[kind]
    if (desired === undefined) return {}
    const changes = mapPatch(
      live.status?.[kind],
      { desired, owned: owned.resources },
      isSameQuantity,
    )
    return changes ? { [kind]: changes } : {}
  }
  return { ...changesOf('capacity'), ...changesOf('allocatable') }
}

function conditionChanges(
  live: Node,
  desired: DesiredNode,
  { owned, nowMs }: { readonly owned: OwnedFields; readonly nowMs: number },
): { readonly conditions: readonly object[]; readonly isChange: boolean } {
  const now = wireTime(nowMs)
  const present = new Map((live.status?.conditions ?? []).map((entry) => [entry.type, entry]))
  let isChange = false
  const conditions: object[] = desired.status.conditions.map((condition) => {
    const previous = present.get(condition.type)
    if (!isSameCondition(previous, condition)) isChange = true
    const since = previous?.status === condition.status ? previous.lastTransitionTime : undefined
    return { ...condition, lastHeartbeatTime: now, lastTransitionTime: since ?? now }
  })
  const wanted = new Set(desired.status.conditions.map(({ type }) => type))
  for (const type of owned.conditions) {
    if (wanted.has(type) || !present.has(type)) continue
    isChange = true
    conditions.unshift({ $patch: 'delete', type })
  }
  return { conditions, isChange }
}

function isSameCondition(
  live: NodeCondition | undefined,
  { status, reason, message }: { status: string; reason: string; message: string },
): boolean {
  return (
    live?.status === status && (live.reason ?? '') === reason && (live.message ?? '') === message
  )
}

// The API writes `1024Mi` back as `1Gi`.
function isSameQuantity(a: string, b: string): boolean {
  return a === b || compare(parseQuantity(a), parseQuantity(b)) === 0
}

function isIncluded(part: object, whole: object = {}): boolean {
  const values = whole as Readonly<Record<string, unknown>>
  return Object.entries(part).every(([key, value]) => values[key] === value)
}

function textOf(addresses: readonly NodeAddress[]): string {
  return addresses.map(({ type, address }) => `${type} ${address}`).join()
}
