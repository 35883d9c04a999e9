// SPDX-License-Identifier: Apache-2.0
// What makes writes survive: a log of changes from which the state, the recent history and the newest
// revision can be read again. The store works in memory and only hands over what happened. The log
// keeps one row a change until the row is neither an object's newest state nor needed by history.
import type { ObjectKey } from './store.ts'

/** One change as it is written down. */
export interface JournalRow {
  readonly key: ObjectKey
  readonly revision: number
  /** Then `json` is the last state under the revision of the removal. */
  readonly isRemoval: boolean
  readonly json: Uint8Array
}

/** What goes into one transaction. */
export interface JournalBatch {
  /** In order of their revisions. */
  readonly rows: readonly JournalRow[]
  /** Revisions of rows that nobody needs any more. */
  readonly expired: readonly number[]
  /** Where the history of a resource now begins (`*`: of all). */
  readonly floors: ReadonlyMap<string, number>
}

export interface Journal extends AsyncDisposable {
  /**
   * Resolves when the batch survives kill -9 and loss of power; rejects when it could not be written:
   * then others may follow, with the same revisions. Never called while it runs.
   */
  commit(batch: JournalBatch): Promise<void>
}
