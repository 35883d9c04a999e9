// SPDX-License-Identifier: Apache-2.0
// A store that lives and dies with the process; for tests and for clusters that nobody keeps.
import { JournaledStore, type StoreOptions } from './journaled-store.ts'
import { StoreState } from './store-state.ts'
import type { Store } from './store.ts'

/** An empty store. Listeners hear of a write within the turn of the event loop. */
export function createMemoryStore(options: Pick<StoreOptions, 'history'> = {}): Store {
  return new JournaledStore(new StoreState({ history: options.history }), undefined)
}
