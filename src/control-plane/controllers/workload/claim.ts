// SPDX-License-Identifier: Apache-2.0
// Whose objects are whose: a controller takes on objects that its selector matches and nobody controls,
// and lets go of its own that the selector no longer matches.
import type { Resource } from '../../../kube/resources.ts'
import { StatusError } from '../../objects/api-status.ts'
import type { ClusterApi } from '../cluster-api.ts'
import type { OwnedIndex } from './owned-index.ts'
import { controllerOf, controllerReference } from './owner-reference.ts'
import type { Owned } from './owner-reference.ts'

/** What is to become of one object. */
export type Claim = 'keep' | 'adopt' | 'release' | 'ignore'

export interface Claimant {
  readonly owner: Owned
  readonly matches: (labels: Readonly<Record<string, string>> | undefined) => boolean
}

/** Pure: how `owner` stands to an object. An owner that is being deleted changes nothing. */
export function decideClaim(object: Owned, { owner, matches }: Claimant): Claim {
  const controller = controllerOf(object.metadata)
  const isOwnerLeaving = owner.metadata.deletionTimestamp !== undefined
  const isMatch = matches(object.metadata.labels)
  if (controller) {
    if (controller.uid !== owner.metadata.uid) return 'ignore'
    if (isMatch) return 'keep'
    return isOwnerLeaving ? 'ignore' : 'release'
  }
  if (isOwnerLeaving || !isMatch || object.metadata.deletionTimestamp !== undefined) return 'ignore'
  return object.metadata.namespace === owner.metadata.namespace ? 'adopt' : 'ignore'
}

export interface ClaimOptions<T extends Owned> {
  readonly api: ClusterApi
  /** Learns at once of what is adopted. */
  readonly index: OwnedIndex<T>
  readonly claimant: Claimant
  /** Kind of the owner. */
  readonly ownerResource: Resource<unknown>
  /** Kind of the objects. */
  readonly resource: Resource<T>
  /** Given to what is adopted, taken from what is released. */
  readonly finalizer?: string
}

/**
 * Adopts and releases; returns the objects that the owner controls then. Rejects when one of them
 * could not be written; one that is gone is passed over.
 */
export async function claimObjects<T extends Owned>(
  objects: readonly T[],
  options: ClaimOptions<T>,
): Promise<readonly T[]> {
  const claimed: T[] = []
  for (const object of objects) {
    const claim = decideClaim(object, options.claimant)
    if (claim === 'keep') claimed.push(object)
    else if (claim === 'adopt') {
      const adopted = await unlessGone(adopt(object, options))
      if (!adopted) continue
      options.index.note(adopted)
      claimed.push(adopted)
    } else if (claim === 'release') await unlessGone(release(object, options))
  }
  return claimed
}

async function adopt<T extends Owned>(object: T, options: ClaimOptions<T>): Promise<T> {
  const { ownerResource, claimant, finalizer } = options
  const { ownerReferences = [], finalizers = [] } = object.metadata
  const reference = controllerReference(ownerResource, claimant.owner)
  const others = ownerReferences.filter(({ uid }) => uid !== claimant.owner.metadata.uid)
  return await patchMetadata(object, options, {
    ownerReferences: [...others, reference],
    ...(finalizer !== undefined && { finalizers: [...new Set([...finalizers, finalizer])] }),
  })
}

async function release<T extends Owned>(object: T, options: ClaimOptions<T>): Promise<T> {
  const { claimant, finalizer } = options
  const { ownerReferences = [], finalizers } = object.metadata
  const others = ownerReferences.filter(({ uid }) => uid !== claimant.owner.metadata.uid)
  return await patchMetadata(object, options, {
    ownerReferences: orNull(others),
    ...(finalizer !== undefined &&
      finalizers && { finalizers: orNull(finalizers.filter((one) => one !== finalizer)) }),
  })
}

/** Null takes a field away in a merge patch; the API shows no empty lists. */
function orNull<T>(list: readonly T[]): readonly T[] | null {
  return list.length > 0 ? list : null
}

// A merge patch replaces lists whole: the versions make sure that nothing newer is overwritten.
async function patchMetadata<T extends Owned>(
  { metadata }: T,
  { api, resource }: ClaimOptions<T>,
  change: Readonly<Record<string, unknown>>,
): Promise<T> {
  const { uid, resourceVersion } = metadata
  return await api.patch(resource, metadata, { metadata: { uid, resourceVersion, ...change } })
}

async function unlessGone<T>(write: Promise<T>): Promise<T | undefined> {
  try {
    return await write
  } catch (error) {
    if (error instanceof StatusError && error.code === 404) return undefined
    throw error
  }
}
