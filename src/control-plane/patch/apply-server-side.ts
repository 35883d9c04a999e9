// SPDX-License-Identifier: Apache-2.0
// Server-side apply: merges what a manager declares into an object, removes what it declared before and
// does not any more, and refuses to change what others own unless it is forced. Behaves as the field
// manager of k8s.io/apimachinery, the upgrade of kubectl's client-side applies included.
import { badRequest } from '../objects/api-status.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import { decodeStructured } from '../schema/decode-value.ts'
import { isObject, isSameJson, type JsonObject } from '../schema/json-object.ts'
import type { TypeSchema } from '../schema/schema-catalog.ts'
import { zeroObject } from '../schema/written-zeros.ts'
import { conflictError, type Conflict, conflictsIn } from './apply-conflict.ts'
import { compareFields, fieldsOf } from './compare-fields.ts'
import { claimable, compareChange, conflictsOf, unowned, withoutLost } from './field-ownership.ts'
import { namedStep } from './field-relation.ts'
import { FieldSet } from './field-set.ts'
import { lastAppliedOf, withLastApplied } from './last-applied.ts'
import {
  decodeManaged,
  type Managed,
  type ManagedTable,
  managerKey,
  withManaged,
} from './managed-fields.ts'
import { mergeApplied, removeFields } from './merge-applied.ts'
import { failure } from './patch-failure.ts'
import { recordUpdate, withManagedFields, withoutManaged } from './track-update.ts'
import { faultOfApplied } from './validate-applied.ts'
import { wireTime } from '../../util/wire-time.ts'

export interface ServerSideApply {
  /** Undefined when the object is to be created. */
  readonly live: KubeObject | undefined
  /** The configuration as it came, parsed. */
  readonly applied: JsonObject
  readonly schema: TypeSchema
  /** Group and version of the endpoint. */
  readonly apiVersion: string
  readonly manager: string
  /** Takes what others own instead of refusing. */
  readonly force: boolean
  /** '' for the object itself. */
  readonly subresource: string
  readonly nowMs: number
}

/**
 * The object to store, managedFields included; the live object itself when nothing changes. Throws
 * `StatusError`: 400, 409 with the conflicts as causes, or 500 for a configuration that does not fit.
 */
export function applyServerSide(request: ServerSideApply): KubeObject {
  checkRequest(request)
  try {
    return apply(request)
  } catch (error) {
    if (!(error instanceof ConflictFault)) throw error
    const left = conflictsLeft(error.conflicts, request)
    if (left.length > 0) throw conflictError(left)
    return apply({ ...request, force: true })
  }
}

class ConflictFault extends Error {
  readonly conflicts: readonly Conflict[]

  constructor(conflicts: readonly Conflict[]) {
    super('conflicts')
    this.conflicts = conflicts
  }
}

function checkRequest({ applied, schema, apiVersion }: ServerSideApply): void {
  const [group, version] = splitVersion(applied['apiVersion'])
  const kind = textOf(applied['kind'])
  const gvk = `${group}/${version}, Kind=${kind}`
  if (kind !== schema.goName || applied['apiVersion'] !== apiVersion) {
    throw badRequest(`invalid object type: ${gvk}`)
  }
  const metadata = isObject(applied['metadata']) ? applied['metadata'] : {}
  if ((metadata['managedFields'] ?? null) !== null) {
    throw badRequest('metadata.managedFields must be nil')
  }
  const fault = faultOfApplied(applied, schema)
  if (fault === undefined) return
  const name = `${textOf(metadata['namespace'])}/${textOf(metadata['name'])}`
  throw failure(`failed to create typed patch object (${name}; ${gvk}): ${fault}`)
}

function splitVersion(apiVersion: unknown): readonly [string, string] {
  const [first = '', second] = textOf(apiVersion).split('/')
  return second === undefined ? ['', first] : [first, second]
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function apply(request: ServerSideApply): KubeObject {
  const { live: stored, applied, schema, manager, apiVersion, subresource, nowMs } = request
  const live = stored ? withoutManaged(stored) : undefined
  const before: JsonObject = live ?? { apiVersion, kind: schema.goName }
  const table = managedBefore(request, before)
  const identity = { manager, operation: 'Apply' as const, apiVersion, subresource }
  const key = managerKey(identity)
  const last = table.get(key)
  const fields = claimable(fieldsOf(applied, schema), subresource)
  const claimed = withManaged(table, {
    ...identity,
    fields,
    ...(last?.time !== undefined && { time: last.time }),
  })
  const merged = mergeApplied(before, applied, schema)
  const after = prune(merged, { last: last?.fields, table: claimed, schema })
  const owners = resolveOwners(claimed, { before, after, request, key })
  if (live && isSameJson(before, after)) return finish(live, owners, request)
  const object = decodeMerged(after, { live, schema })
  return finish(object, withTime(owners, key, nowMs), request)
}

function finish(object: KubeObject, owners: ManagedTable, request: ServerSideApply): KubeObject {
  const { live } = request
  const result = withLastApplied(withManagedFields(object, owners), request)
  return live && isSameJson(live, result) ? live : result
}

/** Objects without managers get one for all that is there: whoever wrote it before the first apply. */
function managedBefore(request: ServerSideApply, before: JsonObject): ManagedTable {
  const { live, schema, nowMs } = request
  const table = decodeManaged(live?.metadata.managedFields)
  if (!live || table.size > 0) return table
  const manager = 'before-first-apply'
  const nothing = zeroObject(schema)
  const { subresource } = request
  return recordUpdate(table, {
    before: nothing,
    after: before,
    schema,
    manager,
    subresource,
    nowMs,
  })
}

interface PruneContext {
  /** What the manager owned by its last apply. */
  readonly last: FieldSet | undefined
  /** All managers, this one with what it claims now. */
  readonly table: ManagedTable
  readonly schema: TypeSchema
}

/** Removes what the manager owned and no longer names, unless somebody else owns it too. */
function prune(merged: JsonObject, { last, table, schema }: PruneContext): JsonObject {
  if (!last || last.isEmpty) return merged
  const named = (fields: FieldSet): FieldSet => fields.withNamed(schema, namedStep)
  const lastNamed = named(last)
  const mergedNamed = named(fieldsOf(merged, schema))
  const owned = [...table.values()].reduce((all, { fields }) => all.union(fields), new FieldSet())
  const removedFirst = removeFields(merged, lastNamed, schema)
  const kept = named(fieldsOf(removedFirst, schema)).union(named(owned))
  const withOwned = removeFields(merged, mergedNamed.difference(kept), schema)
  const gone = mergedNamed.difference(named(fieldsOf(withOwned, schema)))
  const dangling = gone.intersection(lastNamed)
  return dangling.isEmpty ? merged : removeFields(merged, dangling, schema)
}

function decodeMerged(
  merged: JsonObject,
  { live, schema }: { readonly live: KubeObject | undefined; readonly schema: TypeSchema },
): KubeObject {
  const outcome = decodeStructured(merged, schema, live ? { known: live } : {})
  if (outcome.fault !== undefined) {
    throw failure(`failed to convert new typed object to object: ${outcome.fault}`)
  }
  const { value } = outcome
  return (isObject(value['metadata']) ? value : { ...value, metadata: {} }) as KubeObject
}

function resolveOwners(
  table: ManagedTable,
  change: {
    readonly before: JsonObject
    readonly after: JsonObject
    readonly request: ServerSideApply
    readonly key: string
  },
): ManagedTable {
  const { before, after, request, key } = change
  const { schema, subresource, force } = request
  const comparison = compareChange({ before, after, type: schema, subresource })
  const conflicts = conflictsIn(conflictsOf(table, comparison, key))
  if (conflicts.length > 0 && !force) throw new ConflictFault(conflicts)
  const left = withoutLost(table, comparison, key)
  const own = left.get(key)
  return own ? withManaged(left, { ...own, fields: own.fields.difference(unowned) }) : left
}

function withTime(table: ManagedTable, key: string, nowMs: number): ManagedTable {
  const own: Managed | undefined = table.get(key)
  return own ? withManaged(table, { ...own, time: wireTime(nowMs) }) : table
}

/** kubectl may take without force what its own client-side applies left as it is. */
function conflictsLeft(
  conflicts: readonly Conflict[],
  { live, manager, schema, apiVersion }: ServerSideApply,
): readonly Conflict[] {
  const lastApplied = manager === 'kubectl' && live ? lastAppliedOf(live) : undefined
  if (!live || !lastApplied || lastApplied['apiVersion'] !== apiVersion) return conflicts
  const { added, modified, removed } = compareFields(lastApplied, withoutManaged(live), schema)
  const allowed = fieldsOf(lastApplied, schema).difference(added.union(modified).union(removed))
  return conflicts.filter(({ path }) => !allowed.has(path))
}
