// SPDX-License-Identifier: Apache-2.0
// The contract of storage: the objects of a cluster, one revision number that grows with every write,
// and the recent history that watches resume from. Reads and writes are synchronous, so that a
// read-check-write is atomic without locks; only durability is waited for. Invariants: what
// `durable()` has confirmed survives kill -9; nobody is told of a change before it is durable; changes
// are told in the order of their revisions, without gaps.
import type { VkError } from '../../util/vk-error.ts'
import type { KubeObject, StoredObject } from '../objects/kube-object.ts'

/** One object: `resource` is the plural with its group, such as `pods` or `deployments.apps`. */
export interface ObjectKey {
  readonly resource: string
  /** Empty for cluster-wide kinds. */
  readonly namespace: string
  readonly name: string
}

/** An object with the bytes that go over the wire for it; encoded once, sent to every reader. */
export interface Stored {
  readonly object: StoredObject
  readonly revision: number
  /** JSON of `object`, UTF-8. */
  readonly json: Buffer
}

/** One write. */
export interface StoreChange {
  readonly key: ObjectKey
  readonly revision: number
  /** The new state, or undefined when the object was removed. */
  readonly current: Stored | undefined
  /** The state before, or undefined when it was created. */
  readonly previous: Stored | undefined
  /** The last state under the revision of the removal, which watchers are shown; undefined else. */
  readonly removed: Stored | undefined
}

/** What a list reads: a state of the whole collection as of one revision. */
export interface StoreList {
  /** In the order of `compareKeys`. The array is never changed, and the same until a write. */
  readonly items: readonly Stored[]
  readonly revision: number
}

export interface Store extends AsyncDisposable {
  /** Revision of the newest write, durable or not. */
  readonly revision: number
  /** Why writes are refused now; undefined where the newest one succeeded. */
  readonly failure: VkError | undefined
  /** The newest state, durable or not: nobody is shown it before `durable()`, or outside of `read`. */
  get(key: ObjectKey): Stored | undefined
  /** All of a resource, or of one namespace of it. */
  list(resource: string, namespace?: string): StoreList
  /** How many objects there are, without listing them. */
  count(resource: string): number
  /**
   * Creates or replaces an object and gives it the next revision as its resourceVersion. The caller has
   * checked everything, and never changes `object` again. Throws a VkError Unavailable, as `remove`
   * does, once the store is closed.
   */
  put(key: ObjectKey, object: KubeObject): Stored
  /** Removes an object; returns its last state under the revision of the removal. */
  remove(key: ObjectKey, last?: KubeObject): Stored | undefined
  /**
   * Resolves when every write up to `revision` (default: every write so far) survives kill -9; within
   * the turn for a store in memory. Rejects with a StorageFailure when one of them could not be written:
   * that one and all after it have been taken back then, and may be tried again. To be called in the
   * turn of the writes: afterwards it says nothing of those that are gone.
   */
  durable(revision?: number): Promise<void>
  /**
   * What `look` sees (or throws), once that survives kill -9. It may be called a second time, when writes
   * that it saw were refused, so that a disk that takes no writes hinders no reads.
   */
  read<T>(look: () => T): Promise<T>
  /**
   * The durable changes of a resource after `revision`, oldest first; undefined when history does not
   * reach back that far (410 for the client). Together with `onChange` in the same turn it leaves no
   * gap and tells nothing twice.
   */
  changesSince(resource: string, revision: number): readonly StoreChange[] | undefined
  /**
   * Calls for every change of a resource (`*`: of all) once it is durable, in order, never from inside
   * `put` or `remove`. A listener that throws is a bug and ends as an uncaught exception; the others
   * are told all the same.
   */
  onChange(resource: string, listener: (change: StoreChange) => void): Disposable
  /** Forgets history up to `revision` (default: all that is durable). */
  compact(revision?: number): void
}
