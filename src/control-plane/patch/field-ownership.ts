// SPDX-License-Identifier: Apache-2.0
// What a change of an object does to the ownership of its fields: whoever owned what changed is in
// conflict, or loses it; whoever owned what is gone does not own it any more. Some fields cannot be
// owned: identity and bookkeeping, and what an endpoint does not let one write.
import type { JsonObject } from '../schema/json-object.ts'
import type { TypeSchema } from '../schema/schema-catalog.ts'
import { withWrittenZeros } from '../schema/written-zeros.ts'
import { compareFields, type Comparison } from './compare-fields.ts'
import { FieldSet } from './field-set.ts'
import type { Managed, ManagedTable } from './managed-fields.ts'

export interface ChangeOf {
  readonly before: JsonObject
  readonly after: JsonObject
  readonly type: TypeSchema
  /** '' for the object itself. */
  readonly subresource: string
}

/** Identity and bookkeeping, which are nobody's. */
export const unowned: FieldSet = setOf(
  ['apiVersion'],
  ['kind'],
  ['metadata'],
  ['metadata', 'name'],
  ['metadata', 'namespace'],
  ['metadata', 'creationTimestamp'],
  ['metadata', 'selfLink'],
  ['metadata', 'uid'],
  ['metadata', 'generation'],
  ['metadata', 'managedFields'],
  ['metadata', 'resourceVersion'],
)

function setOf(...paths: readonly (readonly string[])[]): FieldSet {
  const set = new FieldSet()
  for (const path of paths) set.insert(path.map((name) => `f:${name}`))
  return set
}

/** What a request may lay claim to of the fields that it names; `unowned` goes later. */
export function claimable(fields: FieldSet, subresource: string): FieldSet {
  return fields.without(resetFields(subresource))
}

/** Fields that the endpoint resets, so that nobody becomes their owner there. */
function resetFields(subresource: string): FieldSet {
  if (subresource === '') return statusFields
  return subresource === 'status' ? otherThanStatus : noFields
}

const statusFields = setOf(['status'])
const otherThanStatus = setOf(
  ['spec'],
  ['metadata', 'deletionTimestamp'],
  ['metadata', 'ownerReferences'],
)
const noFields = new FieldSet()

/** Compares as the wire shows both, without what the endpoint resets. */
export function compareChange({ before, after, type, subresource }: ChangeOf): Comparison {
  const reset = resetFields(subresource)
  const whole = compareFields(withWrittenZeros(before, type), withWrittenZeros(after, type), type)
  return {
    added: whole.added.without(reset),
    modified: whole.modified.without(reset),
    removed: whole.removed.without(reset),
  }
}

/** Fields that others own and a change touches. */
export function conflictsOf(
  table: ManagedTable,
  { added, modified }: Comparison,
  ownKey: string,
): ReadonlyMap<string, Managed> {
  const touched = added.union(modified)
  const conflicts = new Map<string, Managed>()
  for (const [key, managed] of table) {
    const fields = managed.fields.intersection(touched)
    if (key !== ownKey && !fields.isEmpty) conflicts.set(key, { ...managed, fields })
  }
  return conflicts
}

/** Takes from the others what a change touched or removed. */
export function withoutLost(
  table: ManagedTable,
  { added, modified, removed }: Comparison,
  ownKey: string,
): ManagedTable {
  const touched = added.union(modified)
  const next = new Map<string, Managed>()
  for (const [key, managed] of table) {
    const { fields } = managed
    const lost = fields.intersection(touched).union(removed)
    const left = key === ownKey ? fields : fields.difference(lost)
    if (!left.isEmpty) next.set(key, { ...managed, fields: left })
  }
  return next
}
