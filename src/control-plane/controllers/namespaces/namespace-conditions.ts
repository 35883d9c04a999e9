// SPDX-License-Identifier: Apache-2.0
// What is left of a namespace that is being deleted, as its status tells it: five conditions, each with
// a sentence for when all is well and one for when not.
import type { Namespace, NamespaceCondition } from '../../../kube/types.gen.ts'
import { wireTime } from '../../../util/wire-time.ts'

/** What a pass over a namespace found. */
export interface Remains {
  /** Instances by `plural.group`; the group is empty for the core group. */
  readonly instances: ReadonlyMap<string, number>
  /** Instances that each finalizer holds. */
  readonly finalizers: ReadonlyMap<string, number>
  /** Why some could not be deleted. */
  readonly errors: readonly string[]
  /** Only pods were looked at, because some of them remain. */
  readonly isPodsOnly: boolean
}

const allIsWell = [
  [
    'NamespaceDeletionDiscoveryFailure',
    'ResourcesDiscovered',
    'All resources successfully discovered',
  ],
  [
    'NamespaceDeletionGroupVersionParsingFailure',
    'ParsedGroupVersions',
    'All legacy kube types successfully parsed',
  ],
  [
    'NamespaceDeletionContentFailure',
    'ContentDeleted',
    'All content successfully deleted, may be waiting on finalization',
  ],
  ['NamespaceContentRemaining', 'ContentRemoved', 'All content successfully removed'],
  [
    'NamespaceFinalizersRemaining',
    'ContentHasNoFinalizers',
    'All content-preserving finalizers finished',
  ],
] as const

/** The conditions after a pass; the same array when nothing changed. */
export function namespaceConditions(
  old: NonNullable<Namespace['status']>['conditions'],
  remains: Remains,
  nowMs: number,
): readonly NamespaceCondition[] {
  const failing = failures(remains)
  const next = allIsWell.map(([type, reason, message]): NamespaceCondition => {
    const failure = failing.get(type)
    const wanted = failure
      ? { type, status: 'True', ...failure }
      : { type, status: 'False', reason, message }
    const before = old?.find((one) => one.type === type)
    const isSame =
      before?.status === wanted.status &&
      before.reason === wanted.reason &&
      before.message === wanted.message
    if (isSame) return before
    const lastTransitionTime =
      (before?.status === wanted.status ? before.lastTransitionTime : undefined) ?? wireTime(nowMs)
    return { ...wanted, lastTransitionTime }
  })
  const isUnchanged = next.every((one) => old?.includes(one))
  if (isUnchanged && old) return old
  const types = new Set<string>(next.map(({ type }) => type))
  return [...(old ?? []).filter(({ type }) => !types.has(type)), ...next]
}

function failures({
  instances,
  finalizers,
  errors,
  isPodsOnly,
}: Remains): ReadonlyMap<string, { readonly reason: string; readonly message: string }> {
  const failing = new Map<string, { readonly reason: string; readonly message: string }>()
  if (errors.length > 0) {
    const list = [...errors].sort().join(', ')
    failing.set('NamespaceDeletionContentFailure', {
      reason: 'ContentDeletionFailed',
      message: `Failed to delete all resource types, ${errors.length} remaining: ${list}`,
    })
  }
  // Kubernetes counts what remains only once the pods are gone.
  if (isPodsOnly) return failing
  if (instances.size > 0) {
    failing.set('NamespaceContentRemaining', {
      reason: 'SomeResourcesRemain',
      message: `Some resources are remaining: ${listOf(instances, 'has', 'resource instances')}`,
    })
  }
  if (finalizers.size > 0) {
    failing.set('NamespaceFinalizersRemaining', {
      reason: 'SomeFinalizersRemain',
      message: `Some content in the namespace has finalizers remaining: ${listOf(finalizers, 'in', 'resource instances')}`,
    })
  }
  return failing
}

function listOf(counts: ReadonlyMap<string, number>, verb: string, noun: string): string {
  return [...counts]
    .map(([name, count]) => `${name} ${verb} ${count} ${noun}`)
    .sort()
    .join(', ')
}
