// SPDX-License-Identifier: Apache-2.0
// The store: everything lives in memory, and a journal, where there is one, makes it durable. The state
// changes at once; history and listeners follow when the journal has confirmed, and what it refuses is
// taken back.
import type { Logger } from '../../util/logger.ts'
import { VkError, messageOf } from '../../util/vk-error.ts'
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
  /** Told when writes begin to be refused, and when they succeed again. */
  readonly log?: Logger
}

export class JournaledStore implements Store {
  readonly #state: StoreState
  readonly #journal: Journal | undefined
  readonly #listeners = new ChangeListeners()
  readonly #commits: GroupCommit
  readonly #log: Logger | undefined
  #toldRevision: number
  #isRefusing = false

  /** `state` is what the journal holds; without a journal everything counts as durable. */
  constructor(state: StoreState, journal: Journal | undefined, options: StoreOptions = {}) {
    this.#state = state
    this.#journal = journal
    this.#log = options.log
    this.#toldRevision = state.revision
    this.#commits = new GroupCommit({
      revision: state.revision,
      commit: journal && ((changes) => this.#commit(journal, changes)),
      onDurable: (change) => this.#tell(change),
      onRefused: (changes) => this.#state.undo(changes),
    })
  }

  get failure(): VkError | undefined {
    return this.#commits.failure
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
    this.#commits.checkOpen()
    const current = encodeObject(object, this.#state.revision + 1)
    this.#commits.add(this.#state.put(key, current))
    return current
  }

  remove(key: ObjectKey, last?: KubeObject): Stored | undefined {
    const previous = this.get(key)
    if (previous === undefined) return undefined
    this.#commits.checkOpen()
    const removed = encodeObject(last ?? previous.object, this.#state.revision + 1)
    this.#commits.add(this.#state.remove(key, removed))
    return removed
  }

  durable(revision: number = this.#state.revision): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#commits.whenSettled(Math.min(revision, this.#state.revision), (failure) => {
      if (failure === undefined) resolve()
      else reject(failure)
    })
    return promise
  }

  read<T>(look: () => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    let found = attempt(look)
    this.#commits.whenSettled(this.#state.revision, (failure) => {
      // Some of what was seen has just been taken back, and nobody has written since.
      if (failure !== undefined) found = attempt(look)
      if ('value' in found) resolve(found.value)
      else reject(found.error)
    })
    return promise
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
      this.#noteRefusing(error)
      throw error
    }
    if (changes.length > 0) this.#noteRefusing(undefined)
  }

  #noteRefusing(error: unknown): void {
    const isRefusing = error !== undefined
    if (isRefusing === this.#isRefusing) return
    this.#isRefusing = isRefusing
    if (isRefusing) {
      this.#log?.error(
        { why: messageOf(error) },
        'Storage takes no writes: they are refused until it does, and reads are served',
      )
    } else {
      this.#log?.info({}, 'Storage takes writes again')
    }
  }

  #tell(change: StoreChange): void {
    this.#toldRevision = change.revision
    this.#state.remember(change)
    this.#listeners.tell(change)
  }
}

type Found<T> = { readonly value: T } | { readonly error: unknown }

function attempt<T>(look: () => T): Found<T> {
  try {
    return { value: look() }
  } catch (error) {
    return { error }
  }
}

function rowOf({ key, revision, current, removed }: StoreChange): JournalRow {
  const state = current ?? removed
  if (state === undefined)
    throw new VkError('Internal', `Cannot log revision ${revision}: no state`)
  return { key, revision, isRemoval: current === undefined, json: state.json }
}
