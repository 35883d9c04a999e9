// SPDX-License-Identifier: Apache-2.0
// metadata.managedFields as a table of managers: who owns which fields, by what kind of request, since
// when. A manager is its name together with operation, subresource and, for updates, the version.
import type { ManagedFieldsEntry } from '../../kube/types.gen.ts'
import { FieldSet } from './field-set.ts'

export type ManagerOperation = 'Apply' | 'Update'

/** Who makes a request. */
export interface ManagerIdentity {
  readonly manager: string
  readonly operation: ManagerOperation
  readonly apiVersion: string
  /** '' for the object itself. */
  readonly subresource: string
}

export interface Managed extends ManagerIdentity {
  readonly fields: FieldSet
  /** RFC 3339 in whole seconds. */
  readonly time?: string
}

/** By `managerKey`. */
export type ManagedTable = ReadonlyMap<string, Managed>

const maxUpdateManagers = 10

export function managerKey(identity: ManagerIdentity): string {
  const { manager, operation, subresource } = identity
  const apiVersion = operation === 'Apply' ? '' : identity.apiVersion
  return JSON.stringify([manager, operation, apiVersion, subresource])
}

/** Entries that are no valid ones are a reason to begin anew: the table is empty then. */
export function decodeManaged(entries: readonly ManagedFieldsEntry[] | undefined): ManagedTable {
  const table = new Map<string, Managed>()
  for (const entry of entries ?? []) {
    const { manager = '', operation, apiVersion = '', subresource = '', fieldsType, time } = entry
    const isKnown = operation === 'Apply' || operation === 'Update'
    if (!isKnown || apiVersion === '' || fieldsType !== 'FieldsV1') return new Map()
    const fields = FieldSet.decode(entry.fieldsV1)
    const managed: Managed = {
      manager,
      operation,
      apiVersion,
      subresource,
      fields,
      ...(time && { time }),
    }
    table.set(managerKey(managed), managed)
  }
  return table
}

/** Sorted as the API server sorts them: appliers first, then by time and name. */
export function encodeManaged(table: ManagedTable): readonly ManagedFieldsEntry[] {
  return [...table.values()].sort(compareManaged).map((managed) => ({
    ...(managed.manager !== '' && { manager: managed.manager }),
    operation: managed.operation,
    apiVersion: managed.apiVersion,
    ...(managed.time !== undefined && { time: managed.time }),
    fieldsType: 'FieldsV1',
    fieldsV1: managed.fields.encode(),
    ...(managed.subresource !== '' && { subresource: managed.subresource }),
  }))
}

function compareManaged(a: Managed, b: Managed): number {
  const order = ({ operation, time = '', manager, apiVersion, subresource }: Managed): string[] => [
    operation,
    time,
    manager,
    apiVersion,
    subresource,
  ]
  const other = order(b)
  for (const [index, text] of order(a).entries()) {
    const against = other[index] ?? ''
    if (text !== against) return text < against ? -1 : 1
  }
  return 0
}

/** Puts a manager's fields; a manager without fields is no manager. */
export function withManaged(table: ManagedTable, managed: Managed): ManagedTable {
  const next = new Map(table)
  if (managed.fields.isEmpty) next.delete(managerKey(managed))
  else next.set(managerKey(managed), managed)
  return next
}

/** Lets the oldest updates become one entry when there are too many of them. */
export function capManagers(table: ManagedTable): ManagedTable {
  const updates = [...table.values()].filter(({ operation }) => operation === 'Update')
  if (updates.length <= maxUpdateManagers) return table
  const next = new Map(table)
  const oldest = updates.sort(compareManaged).slice(0, updates.length - maxUpdateManagers + 1)
  const merged = new Map<string, Managed>()
  for (const managed of oldest) {
    next.delete(managerKey(managed))
    const { apiVersion, fields, time } = managed
    const earlier = merged.get(apiVersion)?.fields ?? new FieldSet()
    merged.set(apiVersion, {
      manager: 'ancient-changes',
      operation: 'Update',
      apiVersion,
      subresource: '',
      fields: earlier.union(fields),
      ...(time !== undefined && { time }),
    })
  }
  for (const bucket of merged.values()) {
    const before = next.get(managerKey(bucket))
    const fields = before ? before.fields.union(bucket.fields) : bucket.fields
    next.set(managerKey(bucket), { ...bucket, fields })
  }
  return next
}
