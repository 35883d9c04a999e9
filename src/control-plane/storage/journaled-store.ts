// SPDX-License-Identifier: Apache-2.0
// The store: everything lives in memory, and a journal, where there is one, makes it durable. The state
// changes at once; history and listeners follow when the journal has confirmed.
import { type Clock, systemClock } from '../../util/clock.ts'
import { VkError } from '../../util/vk-error.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import type { HistoryLimits } from './change-history.ts'
import { ChangeListeners } from './change-listeners.ts'
import { encodeObject } from './encode-object.ts'
import { GroupCommit } from './group-commit.ts'
import type { Journal, JournalRow } from './journal.ts'
import type { StoreState } from './store-state.ts'
import type { ObjectKey, Store, StoreChange, StoreList, Stored } from './store.ts'

export interface StoreOptions {
  readonly history?: HistoryLimits
  readonly clock?: Clock
  /** Pause before a failed commit is tried again; default 1,000. */
  readonly retryMs?: number
}

export class JournaledStore implements Store {
  readonly #state: StoreState
  readonly #journal: Journal | undefined
  readonly #listeners = new ChangeListeners()
  readonly #commits: GroupCommit
  #toldRevision: number

  /** `state` is what the journal holds; without a journal everything counts as durable. */
  constructor(state: StoreState, journal: Journal | undefined, options: StoreOptions = {}) {
    this.#state = state
    this.#journal = journal
    this.#toldRevision = state.revision
    this.#commits = new GroupCommit({
      revision: state.revision,
      commit: journal && ((changes) => this.#commit(journal, changes)),
      onDurable: (change) => this.#tell(change),
      clock: options.clock ?? systemClock,
      retryMs: options.retryMs ?? 1000,
    })
  }

  get revision(): number {
    return this.#state.revision
  }

  get({ resource, namespace, name }: ObjectKey): Stored | undefined {
    return this.#state.table(resource)?.get(namespace, name)
  }

  list(resource: string, namespace?: string): StoreList {
    const items = this.#state.table(resource)?.list(namespace) ?? []
    return { items, revision: this.#state.revision }
  }

  count(resource: string): number {
    return this.#state.table(resource)?.count ?? 0
  }

  put(key: ObjectKey, object: KubeObject): Stored {
    this.#commits.checkWritable()
    const current = encodeObject(object, this.#state.revision + 1)
    this.#commits.add(this.#state.put(key, current))
    return current
  }

  remove(key: ObjectKey, last?: KubeObject): Stored | undefined {
    const previous = this.get(key)
    if (previous === undefined) return undefined
    this.#commits.checkWritable()
    const removed = encodeObject(last ?? previous.object, this.#state.revision + 1)
    this.#commits.add(this.#state.remove(key, removed))
    return removed
  }

  durable(revision: number = this.#state.revision): Promise<void> {
    return this.#commits.durable(Math.min(revision, this.#state.revision))
  }

  changesSince(resource: string, revision: number): readonly StoreChange[] | undefined {
    return this.#state.history.since(resource, revision)
  }

  onChange(resource: string, listener: (change: StoreChange) => void): Disposable {
    return this.#listeners.add(resource, { after: this.#toldRevision, hear: listener })
  }

  compact(revision: number = this.#toldRevision): void {
    this.#state.compact(Math.min(revision, this.#toldRevision))
    if (this.#journal !== undefined) this.#commits.flush()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#commits.close()
    } finally {
      await this.#journal?.[Symbol.asyncDispose]()
    }
  }

  async #commit(journal: Journal, changes: readonly StoreChange[]): Promise<void> {
    const discards = this.#state.takeDiscards()
    try {
      await journal.commit({ rows: changes.map(rowOf), ...discards })
    } catch (error) {
      this.#state.giveBack(discards)
      throw error
    }
  }

  #tell(change: StoreChange): void {
    this.#toldRevision = change.revision
    this.#state.remember(change)
    this.#listeners.tell(change)
  }
}

function rowOf({ key, revision, current, removed }: StoreChange): JournalRow {
  const state = current ?? removed
  if (state === undefined)
    throw new VkError('Internal', `Cannot log revision ${revision}: no state`)
  return { key, revision, isRemoval: current === undefined, json: state.json }
}
