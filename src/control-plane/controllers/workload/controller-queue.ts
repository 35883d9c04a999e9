// SPDX-License-Identifier: Apache-2.0
// The shell that every workload controller has in common: a queue of its objects by namespace and name,
// and what wakes them. Whoever lost a race for a version tries again at once, which is no failure.
import { WorkQueue } from '../../../kube/work-queue.ts'
import type { Resource } from '../../../kube/resources.ts'
import { StatusError } from '../../objects/api-status.ts'
import { deepEqual } from '../../objects/deep-equal.ts'
import type { ClusterApi, ControllerContext, ObjectPlace } from '../cluster-api.ts'
import { controllerOf, placeOfKey, workKey } from './owner-reference.ts'
import type { Owned } from './owner-reference.ts'

/** Looks at one object; what it returns says when to look again. */
export type Reconcile = (
  at: Required<ObjectPlace>,
) => Promise<void | { readonly requeueAfterMs: number }>

export interface ControllerQueueOptions {
  readonly name: string
  /** Objects looked at at the same time; default 16. */
  readonly concurrency?: number
}

const backoff = { baseMs: 5, factor: 2, capMs: 60_000, jitter: 0.25 }
const conflictRetryMs = 2

// Sets up to this size are looked at upon every change of a member.
const smallSet = 50
const maxBatchMs = 1000

/** A queue that calls `reconcile` with the place of each key. */
export function controllerQueue(
  reconcile: Reconcile,
  { clock, log }: ControllerContext,
  { name, concurrency = 16 }: ControllerQueueOptions,
): WorkQueue {
  const handle = async (key: string): Promise<void | { readonly requeueAfterMs: number }> => {
    try {
      return await reconcile(placeOfKey(key))
    } catch (error) {
      if (isConflict(error)) return { requeueAfterMs: conflictRetryMs }
      throw error
    }
  }
  return new WorkQueue(handle, { name, concurrency, clock, log, backoff })
}

/**
 * Adds every object of a kind, and each that changes from now on; those of which only the status has
 * changed after `statusBatchMs` (default 0).
 */
export function wakeOnChange<T extends Owned>(
  queue: WorkQueue,
  api: ClusterApi,
  resource: Resource<T>,
  { statusBatchMs = 0 }: { readonly statusBatchMs?: number } = {},
): Disposable {
  const subscription = api.onChange(resource, ({ current, previous }) => {
    const object = current ?? previous
    if (!object) return
    const isSameSpec = current?.metadata.generation === previous?.metadata.generation
    queue.addAfter(workKey(object.metadata), isSameSpec ? statusBatchMs : 0)
  })
  for (const { metadata } of api.list(resource)) queue.add(workKey(metadata))
  return subscription
}

export interface WakeOwnersOptions<T, O> {
  readonly resource: Resource<T>
  readonly ownerResource: Resource<O>
  /** Members of the owner, so that large sets are looked at less often than they change. */
  readonly sizeOf: (ownerUid: string) => number
  /** How long changes are gathered even in small sets; default 0. */
  readonly leastBatchMs?: number
  /** Whether the owner would adopt such an object. */
  readonly wouldAdopt: (owner: O, object: T) => boolean
}

/** Adds the owner of each object that changes; for an orphan all that might adopt it. */
export function wakeOwners<T extends Owned, O extends Owned>(
  queue: WorkQueue,
  api: ClusterApi,
  options: WakeOwnersOptions<T, O>,
): Disposable {
  const { resource, ownerResource, leastBatchMs = 0 } = options
  const wake = (object: T | undefined): void => {
    if (!object) return
    const { namespace } = object.metadata
    const controller = controllerOf(object.metadata)
    if (controller?.kind === ownerResource.kind) {
      const key = workKey({ namespace, name: controller.name })
      queue.addAfter(key, Math.max(leastBatchMs, batchMs(options.sizeOf(controller.uid))))
    }
  }
  return api.onChange(resource, ({ current, previous }) => {
    wake(current)
    const before = previous && controllerOf(previous.metadata)
    const after = current && controllerOf(current.metadata)
    if (before?.uid !== after?.uid) wake(previous)
    if (!current || after) return
    // An orphan is looked at when it becomes one, and when other labels may suit another owner.
    const isNews = !previous || before !== undefined
    if (!isNews && deepEqual(current.metadata.labels, previous.metadata.labels)) return
    for (const owner of api.list(ownerResource, current.metadata.namespace)) {
      if (options.wouldAdopt(owner, current)) queue.add(workKey(owner.metadata))
    }
  })
}

/** How long changes of a set's members are gathered: a pass over it costs as much as it has members. */
export function batchMs(size: number): number {
  return size <= smallSet ? 0 : Math.min(size / 10, maxBatchMs)
}

export function isConflict(error: unknown): boolean {
  return error instanceof StatusError && error.code === 409 && error.reason === 'Conflict'
}

export function isNotFound(error: unknown): boolean {
  return error instanceof StatusError && error.code === 404
}
