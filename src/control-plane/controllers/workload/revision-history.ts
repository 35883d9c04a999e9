// SPDX-License-Identifier: Apache-2.0
// The history of a StatefulSet or DaemonSet: each pod template that it ever had, as a ControllerRevision
// with a number that grows. Going back to an old template gives its revision a new number.
import type { ControllerRevision, PodTemplateSpec } from '../../../kube/types.gen.ts'
import type { Resource } from '../../../kube/resources.ts'
import { StatusError } from '../../objects/api-status.ts'
import { isSemanticallyEqual } from '../../resources/semantic-equality.ts'
import type { ClusterApi, NewObject } from '../cluster-api.ts'
import { isNotFound } from './controller-queue.ts'
import type { OwnedIndex } from './owned-index.ts'
import { controllerReference } from './owner-reference.ts'
import type { Owned } from './owner-reference.ts'
import { stableHash } from './stable-hash.ts'
import { controllerRevisions } from './workload-resources.ts'

/** On pods: which revision they are of. */
export const podRevisionLabel = 'controller-revision-hash'

export interface RevisionOwner extends Owned {
  readonly spec: { readonly template: PodTemplateSpec; readonly revisionHistoryLimit?: number }
  readonly status?: { readonly collisionCount?: number }
}

export interface HistoryOptions {
  readonly api: ClusterApi
  readonly index: OwnedIndex<ControllerRevision>
  readonly owner: RevisionOwner
  readonly ownerResource: Resource<unknown>
  /** Label of a revision for the hash that is part of its name. */
  readonly hashLabel: string
  /** Copied to a new revision. */
  readonly annotations?: Readonly<Record<string, string>>
}

/** The revisions of an owner, and the one of its present template. */
export interface RevisionHistory {
  /** Oldest first. */
  readonly revisions: readonly ControllerRevision[]
  readonly update: ControllerRevision
  /** How often a name was taken by another template. */
  readonly collisionCount: number
}

/** What is to be done so that the newest revision is that of the present template. Pure. */
export function decideRevision(
  owner: RevisionOwner,
  sorted: readonly ControllerRevision[],
):
  | { readonly is: 'newest' | 'old'; readonly revision: ControllerRevision }
  | { readonly is: 'new' } {
  const data = revisionData(owner.spec.template)
  const revision = sorted.findLast((one) => isSemanticallyEqual(one.data, data))
  if (!revision) return { is: 'new' }
  return { is: revision === sorted.at(-1) ? 'newest' : 'old', revision }
}

/** Brings the history up to date. */
export async function syncHistory(options: HistoryOptions): Promise<RevisionHistory> {
  const { api, index, owner } = options
  const { collisionCount = 0 } = owner.status ?? {}
  const sorted = sortRevisions(index.owned(owner.metadata.uid))
  const decision = decideRevision(owner, sorted)
  if (decision.is === 'newest') {
    return { revisions: sorted, update: decision.revision, collisionCount }
  }
  const number = (sorted.at(-1)?.revision ?? 0) + 1
  if (decision.is === 'old') {
    const update = await api.update(controllerRevisions, { ...decision.revision, revision: number })
    const others = sorted.filter((one) => one !== decision.revision)
    return { revisions: [...others, update], update, collisionCount }
  }
  const created = await createRevision(options, { number, collisionCount })
  index.note(created.update)
  return { ...created, revisions: [...sorted, created.update] }
}

/** Deletes the oldest revisions that no pod is of, beyond those that are to be kept. */
export async function truncateHistory(
  api: ClusterApi,
  parts: {
    readonly owner: RevisionOwner
    readonly revisions: readonly ControllerRevision[]
    readonly isLive: (revision: ControllerRevision) => boolean
  },
): Promise<void> {
  const { owner, revisions, isLive } = parts
  const { revisionHistoryLimit = 10 } = owner.spec
  const unused = revisions.filter((one) => !isLive(one))
  const surplus = Math.max(0, unused.length - revisionHistoryLimit)
  for (const { metadata } of unused.slice(0, surplus)) {
    try {
      await api.delete(controllerRevisions, metadata, { preconditions: { uid: metadata.uid } })
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }
}

/** The pod template that a revision has kept. */
export function templateOf(revision: ControllerRevision): PodTemplateSpec {
  const spec = revision.data?.['spec'] as { readonly template?: object } | undefined
  const { $patch: _directive, ...template } = { $patch: '', ...spec?.template }
  return template
}

// A strategic merge patch that puts the template back in place: kubectl rollout undo applies it as it is.
function revisionData(template: PodTemplateSpec): Readonly<Record<string, unknown>> {
  return { spec: { template: { $patch: 'replace', ...template } } }
}

async function createRevision(
  options: HistoryOptions,
  at: { readonly number: number; readonly collisionCount: number },
): Promise<{ readonly update: ControllerRevision; readonly collisionCount: number }> {
  const { api, owner } = options
  const object = newRevision(options, at)
  try {
    const update = await api.create(controllerRevisions, object)
    return { update, collisionCount: at.collisionCount }
  } catch (error) {
    if (!(error instanceof StatusError) || error.reason !== 'AlreadyExists') throw error
    const { namespace } = owner.metadata
    const name = object.metadata.name ?? ''
    const found = api.get(controllerRevisions, { namespace, name })
    if (found && isSemanticallyEqual(found.data, object.data)) {
      return { update: found, collisionCount: at.collisionCount }
    }
    return await createRevision(options, { ...at, collisionCount: at.collisionCount + 1 })
  }
}

function newRevision(
  { owner, ownerResource, hashLabel, annotations }: HistoryOptions,
  { number, collisionCount }: { readonly number: number; readonly collisionCount: number },
): NewObject<ControllerRevision> {
  const data = revisionData(owner.spec.template)
  const hash = stableHash(data, collisionCount)
  const { namespace, name } = owner.metadata
  return {
    metadata: {
      name: `${name.slice(0, 223)}-${hash}`,
      namespace,
      labels: { ...owner.spec.template.metadata?.labels, [hashLabel]: hash },
      ...(annotations && { annotations }),
      ownerReferences: [controllerReference(ownerResource, owner)],
    },
    data,
    revision: number,
  }
}

function sortRevisions(revisions: readonly ControllerRevision[]): readonly ControllerRevision[] {
  return revisions.toSorted((a, b) => {
    if (a.revision !== b.revision) return a.revision - b.revision
    const [x, y] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? '']
    if (x !== y) return x < y ? -1 : 1
    return a.metadata.name < b.metadata.name ? -1 : 1
  })
}
