// SPDX-License-Identifier: Apache-2.0
// What is to happen to an object because of its owners and its dependents: a pure function of what is
// stored. Invariants: an object with a living owner is never deleted; one that is being deleted is only
// helped to its end.
import type { OwnerReference } from '../../../kube/types.gen.ts'
import type { StoredObject } from '../../objects/kube-object.ts'

export const foregroundFinalizer = 'foregroundDeletion'
export const orphanFinalizer = 'orphan'

/** What became of an owner. */
export type OwnerState =
  /** Exists. */
  | 'solid'
  /** Does not exist, or another object of that name does. */
  | 'absent'
  /** Exists, but waits for its dependents to go first. */
  | 'waiting'
  /** Of a kind that cannot be an owner here; nobody knows. */
  | 'unknowable'

/** An owner reference and what it leads to. */
export interface JudgedReference {
  readonly reference: OwnerReference
  readonly state: OwnerState
}

export type GarbageStep =
  | { readonly do: 'nothing' }
  /** Drop the reference of this owner from the dependents, then its finalizer. */
  | { readonly do: 'orphanDependents' }
  /** Nothing that blocks it is left. */
  | { readonly do: 'removeFinalizer'; readonly finalizer: string }
  /** Look at what blocks it. */
  | { readonly do: 'pressDependents' }
  /** Some owners are gone, others live. */
  | { readonly do: 'removeReferences'; readonly uids: readonly string[] }
  | {
      readonly do: 'delete'
      readonly policy: 'Background' | 'Foreground' | 'Orphan'
      /** Make its references non-blocking first: owner and dependent wait for each other. */
      readonly unblocks: boolean
    }

export interface GarbageInput {
  readonly object: StoredObject
  readonly owners: readonly JudgedReference[]
  /** Objects that name this one as owner, as stored. */
  readonly dependents: readonly StoredObject[]
}

/** What to do about `object` now. */
export function decideGarbage({ object, owners, dependents }: GarbageInput): GarbageStep {
  const { deletionTimestamp, finalizers = [], uid } = object.metadata
  if (deletionTimestamp !== undefined) {
    if (finalizers.includes(orphanFinalizer)) return { do: 'orphanDependents' }
    if (!finalizers.includes(foregroundFinalizer)) return { do: 'nothing' }
    return dependents.some((dependent) => blocks(dependent, uid))
      ? { do: 'pressDependents' }
      : { do: 'removeFinalizer', finalizer: foregroundFinalizer }
  }
  if (owners.length === 0 || owners.some(({ state }) => state === 'unknowable')) {
    return { do: 'nothing' }
  }
  const lost = owners.filter(({ state }) => state !== 'solid')
  if (lost.length < owners.length) {
    if (lost.length === 0) return { do: 'nothing' }
    return { do: 'removeReferences', uids: lost.map(({ reference }) => reference.uid) }
  }
  return deletion(object, owners, dependents)
}

/** Whether the object is on its way out and waits for its dependents to go first. */
export function isWaitingForDependents({ metadata }: StoredObject): boolean {
  const { deletionTimestamp, finalizers = [] } = metadata
  return deletionTimestamp !== undefined && finalizers.includes(foregroundFinalizer)
}

function blocks({ metadata }: StoredObject, ownerUid: string): boolean {
  return (metadata.ownerReferences ?? []).some(
    ({ uid, blockOwnerDeletion }) => uid === ownerUid && blockOwnerDeletion === true,
  )
}

function deletion(
  { metadata: { finalizers = [] } }: StoredObject,
  owners: readonly JudgedReference[],
  dependents: readonly StoredObject[],
): GarbageStep {
  const isAwaited = owners.some(({ state }) => state === 'waiting')
  if (isAwaited && dependents.length > 0) {
    const unblocks = dependents.some(isWaitingForDependents)
    return { do: 'delete', policy: 'Foreground', unblocks }
  }
  const policy = finalizers.includes(orphanFinalizer)
    ? 'Orphan'
    : finalizers.includes(foregroundFinalizer)
      ? 'Foreground'
      : 'Background'
  return { do: 'delete', policy, unblocks: false }
}
