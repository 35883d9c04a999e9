// SPDX-License-Identifier: Apache-2.0
// Records in managedFields who changed what by create, update and patch, so that a later server-side
// apply meets conflicts with, say, `kubectl edit`. The API server does this for every write; here it is
// done where people are at work: for requests of kubectl, and for objects that have managedFields
// already. Call it as the API server does: after decoding and defaults, before admission and strategies,
// whose doings are nobody's. Pods by the thousand, which nobody will ever apply to, carry none and cost nothing.
import type { KubeObject } from '../objects/kube-object.ts'
import type { JsonObject } from '../schema/json-object.ts'
import type { TypeSchema } from '../schema/schema-catalog.ts'
import { zeroObject } from '../schema/written-zeros.ts'
import { claimable, compareChange, unowned, withoutLost } from './field-ownership.ts'
import { FieldSet } from './field-set.ts'
import {
  capManagers,
  decodeManaged,
  encodeManaged,
  type Managed,
  type ManagedTable,
  managerKey,
  withManaged,
} from './managed-fields.ts'
import { wireTime } from '../../util/wire-time.ts'

export interface UpdateToTrack {
  /** Undefined for a create. */
  readonly live: KubeObject | undefined
  /** The object that will be stored. Its own managedFields count, as a client may edit them. */
  readonly next: KubeObject
  readonly schema: TypeSchema
  readonly manager: string
  /** '' for the object itself. */
  readonly subresource: string
  readonly nowMs: number
}

/** The name under which a request's changes are recorded: the parameter, or what the client calls itself. */
export function managerOf(fieldManager: string | undefined, userAgent = ''): string {
  if (fieldManager) return fieldManager
  const [program = ''] = userAgent.split('/', 1)
  return program.replaceAll(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, '').slice(0, 128) || 'unknown'
}

/** Whether a write is worth recording; see the head of this file. */
export function isTracked(live: KubeObject | undefined, manager: string): boolean {
  if (live) return (live.metadata.managedFields?.length ?? 0) > 0
  return manager.startsWith('kubectl')
}

/** The object with managedFields brought up to date; the same object where nothing changes hands. */
export function trackUpdate(update: UpdateToTrack): KubeObject {
  const { live, next, schema } = update
  if (isReset(next) && live) return withManagedFields(next, new Map())
  const given = update.subresource === '' ? decodeManaged(next.metadata.managedFields) : new Map()
  const table = given.size > 0 ? given : decodeManaged(live?.metadata.managedFields)
  if (live && table.size === 0) return withManagedFields(next, table)
  const before = live ? withoutManaged(live) : zeroObject(schema)
  const after = withoutManaged(next)
  return withManagedFields(next, recordUpdate(table, { ...update, before, after }))
}

/** A client lets go of all ownership by an empty list, or by one that has an empty entry only. */
function isReset({ metadata: { managedFields } }: KubeObject): boolean {
  const [first, second] = managedFields ?? []
  if (managedFields === undefined || second !== undefined) return false
  return first === undefined || Object.keys(first).length === 0
}

/** The table after a change that one manager made. */
export function recordUpdate(
  table: ManagedTable,
  change: Pick<UpdateToTrack, 'schema' | 'manager' | 'subresource' | 'nowMs'> & {
    readonly before: JsonObject
    readonly after: JsonObject
  },
): ManagedTable {
  const { before, after, schema, manager, subresource, nowMs } = change
  const identity = {
    manager,
    operation: 'Update' as const,
    apiVersion: String(after['apiVersion']),
    subresource,
  }
  const comparison = compareChange({ before, after, type: schema, subresource })
  const left = withoutLost(table, comparison, '')
  const changed = comparison.added.union(comparison.modified)
  const taken = claimable(changed, subresource).difference(unowned)
  if (taken.isEmpty) return left
  const own: Managed | undefined = left.get(managerKey(identity))
  const fields = taken.union(own?.fields ?? new FieldSet())
  return capManagers(withManaged(left, { ...identity, fields, time: wireTime(nowMs) }))
}

export function withoutManaged(object: KubeObject): KubeObject {
  const { managedFields, ...metadata } = object.metadata
  return managedFields === undefined ? object : { ...object, metadata }
}

export function withManagedFields(object: KubeObject, table: ManagedTable): KubeObject {
  if (table.size === 0) return withoutManaged(object)
  return { ...object, metadata: { ...object.metadata, managedFields: encodeManaged(table) } }
}
