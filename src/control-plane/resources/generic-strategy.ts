// SPDX-License-Identifier: Apache-2.0
// The rules that nearly all kinds share: a new object starts with the server's status and generation 1,
// an update keeps the status, an update of the status keeps everything else, and the generation counts
// the changes of what a client asks for. Kinds add their own rules in the parts.
import type { FieldError } from '../objects/field-error.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import type { Strategy, StrategyContext } from './resource-definition.ts'
import { isSemanticallyEqual } from './semantic-equality.ts'

/** Where a kind departs from the rules for all. */
export interface StrategyParts extends Partial<Omit<Strategy, 'validate' | 'validateUpdate'>> {
  /** Status of a new object; left out for kinds that have none. */
  readonly newStatus?: Readonly<Record<string, unknown>>
  readonly validate?: (object: KubeObject) => Iterable<FieldError>
  readonly validateUpdate?: (
    next: KubeObject,
    old: KubeObject,
    subresource: string,
  ) => Iterable<FieldError>
  /** Runs after the shared part of `prepareForCreate`. */
  readonly completeNew?: (object: KubeObject, context?: StrategyContext) => KubeObject
  /** Runs after the shared part of `prepareForUpdate` and before the generation is counted. */
  readonly completeUpdate?: (
    next: KubeObject,
    old: KubeObject,
    subresource: string,
    context?: StrategyContext,
  ) => KubeObject
  /** Whether two objects ask for the same; by default all but metadata and status is compared. */
  readonly asksTheSame?: (next: KubeObject, old: KubeObject) => boolean
}

export function genericStrategy(parts: StrategyParts = {}): Strategy {
  const { newStatus, validate, validateUpdate, completeNew, completeUpdate, asksTheSame, ...own } =
    parts
  const hasGeneration = parts.hasGeneration ?? false
  const isSame = asksTheSame ?? hasSameContent
  return {
    applyDefaults: (object) => object,
    prepareForCreate: (object, context) => {
      const prepared = withNewStatus(hasGeneration ? withGeneration(object, 1) : object, newStatus)
      return completeNew ? completeNew(prepared, context) : prepared
    },
    prepareForUpdate: (next, old, subresource, context) => {
      const merged = keepUntouched(next, old, subresource)
      const complete = completeUpdate ? completeUpdate(merged, old, subresource, context) : merged
      const generation = old.metadata.generation
      if (!hasGeneration || subresource === 'status' || isSame(complete, old)) {
        return withGeneration(complete, generation)
      }
      return withGeneration(complete, (generation ?? 0) + 1)
    },
    ...own,
    validate: (object) => (validate ? [...validate(object)] : []),
    validateUpdate: (next, old, subresource) =>
      validateUpdate ? [...validateUpdate(next, old, subresource)] : [],
    hasGeneration,
  }
}

/** Whether all but metadata and status is the same. */
export function hasSameContent(next: KubeObject, old: KubeObject): boolean {
  if (isSemanticallyEqual(next['spec'], old['spec'])) {
    for (const field in next) if (!isSameField(field, next, old)) return false
    for (const field in old) if (!isSameField(field, next, old)) return false
    return true
  }
  return false
}

/** The object with this generation; itself when it has it already. */
export function withGeneration(object: KubeObject, generation: number | undefined): KubeObject {
  if (object.metadata.generation === generation) return object
  const { generation: _, ...metadata } = object.metadata
  return {
    ...object,
    metadata: generation === undefined ? metadata : { ...metadata, generation },
  }
}

function withNewStatus(
  object: KubeObject,
  newStatus: Readonly<Record<string, unknown>> | undefined,
): KubeObject {
  return newStatus === undefined ? object : { ...object, status: newStatus }
}

/** An update of the object keeps its status, one of the status keeps everything but metadata. */
function keepUntouched(next: KubeObject, old: KubeObject, subresource: string): KubeObject {
  if (subresource === 'status') {
    const { status: _, ...rest } = old
    const status = next['status']
    return { ...rest, metadata: next.metadata, ...(status !== undefined && { status }) }
  }
  if (next['status'] === old['status']) return next
  const { status: _, ...rest } = next
  return old['status'] === undefined ? rest : { ...rest, status: old['status'] }
}

function isSameField(field: string, next: KubeObject, old: KubeObject): boolean {
  if (field === 'metadata' || field === 'status' || field === 'spec') return true
  return isSemanticallyEqual(next[field], old[field])
}
