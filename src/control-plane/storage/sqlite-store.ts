// SPDX-License-Identifier: Apache-2.0
// A store that survives kill -9: the same store in memory, over a journal in an SQLite file.
import { dirname } from 'node:path'
import { makeFolder } from '../../util/make-folder.ts'
import { JournaledStore, type StoreOptions } from './journaled-store.ts'
import { openSqliteJournal } from './sqlite-journal.ts'
import { StoreState } from './store-state.ts'
import type { Store } from './store.ts'

export interface SqliteStoreOptions extends StoreOptions {
  /** The database file; made, with its folder, when it is not there. */
  readonly path: string
}

/**
 * Opens the store with everything that was durable, including the history that watches resume from.
 * Throws a UserError when the file is in use, is something else, or cannot be read. While the disk
 * cannot take writes, each is tried and refused, and reads are served.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  await makeFolder(dirname(options.path))
  let state = new StoreState()
  const journal = await openSqliteJournal(options.path, {
    floors(floors) {
      state = new StoreState({ history: options.history, floors })
    },
    row: (row) => state.restore(row),
  })
  return new JournaledStore(state, journal, options)
}
