// SPDX-License-Identifier: Apache-2.0
// Which parts of a Node object are ours, kept in an annotation of the Node itself, so that a process
// that starts later removes what it no longer sets and leaves alone what others have set.
// Only names are kept. Whole last-applied objects, as the Go project writes them, would double the size
// of each heartbeat for every watcher of nodes, and their values are never needed: ours always win.
import type { Node } from '../kube/types.gen.ts'
import type { DesiredNode } from './node-object.ts'
import { taintId } from './node-taints.ts'

/** Names of what we have set, by place; sorted. */
export interface OwnedFields {
  readonly labels: readonly string[]
  readonly annotations: readonly string[]
  /** As `taintId` writes them. */
  readonly taints: readonly string[]
  readonly conditions: readonly string[]
  /** Keys of capacity and allocatable. */
  readonly resources: readonly string[]
}

/** The annotation that holds them. */
export const ownedAnnotation = 'virtual-kubelet.io/owned-fields'
/** What the Go project writes instead; understood, so that its nodes can be taken over. */
export const foreignMetaAnnotation = 'virtual-kubelet.io/last-applied-object-meta'
export const foreignStatusAnnotation = 'virtual-kubelet.io/last-applied-node-status'

const places = ['labels', 'annotations', 'taints', 'conditions', 'resources'] as const

/** What the Node says is ours; nothing when it says nothing or what it says makes no sense. */
export function readOwned(node: Node): OwnedFields {
  const { [ownedAnnotation]: own, ...others } = node.metadata.annotations ?? {}
  if (own !== undefined) return fieldsFrom(parse(own))
  const meta = parse(others[foreignMetaAnnotation])
  const status = parse(others[foreignStatusAnnotation])
  if (meta === undefined && status === undefined) return fieldsFrom({})
  return fieldsFrom({
    labels: keysOf(meta?.['labels']),
    annotations: [...keysOf(meta?.['annotations']), foreignMetaAnnotation, foreignStatusAnnotation],
    conditions: typesOf(status?.['conditions']),
    resources: keysOf(status?.['capacity']),
  })
}

/**
 * What is ours once `desired` is applied. Conditions and resources that were ours stay listed until the
 * Node no longer has them: they are removed by another request than the one that writes this list.
 */
export function nextOwned(node: Node, desired: DesiredNode): OwnedFields {
  const { conditions = [], capacity = {}, allocatable = {} } = node.status ?? {}
  const present = new Set([...Object.keys(capacity), ...Object.keys(allocatable)])
  const types = new Set(conditions.map((condition) => condition.type))
  const owned = readOwned(node)
  return ownedBy(desired, {
    conditions: owned.conditions.filter((type) => types.has(type)),
    resources: owned.resources.filter((name) => present.has(name)),
  })
}

/** What is ours in a Node that we create. */
export function ownedBy(
  desired: DesiredNode,
  earlier: Pick<OwnedFields, 'conditions' | 'resources'> = { conditions: [], resources: [] },
): OwnedFields {
  const { status } = desired
  return {
    labels: sorted(Object.keys(desired.labels)),
    annotations: sorted(Object.keys(desired.annotations)),
    taints: sorted(desired.taints.map(taintId)),
    conditions: sorted([...status.conditions.map(({ type }) => type), ...earlier.conditions]),
    resources: sorted([
      ...Object.keys(status.capacity ?? {}),
      ...Object.keys(status.allocatable ?? {}),
      ...earlier.resources,
    ]),
  }
}

function fieldsFrom(parsed: Readonly<Record<string, unknown>> | undefined): OwnedFields {
  const namesAt = (place: string): readonly string[] => {
    const names = parsed?.[place]
    return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : []
  }
  return Object.fromEntries(
    places.map((place) => [place, namesAt(place)]),
  ) as unknown as OwnedFields
}

function parse(text: string | undefined): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text ?? 'null')
    return isRecord(value) ? value : undefined
  } catch {
    // Somebody wrote something else there: then nothing is known to be ours.
    return undefined
  }
}

function keysOf(value: unknown): readonly string[] {
  return isRecord(value) ? Object.keys(value) : []
}

function typesOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value.map((entry) => (isRecord(entry) ? entry['type'] : '')) : []
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function sorted(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort()
}
