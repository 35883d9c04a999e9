// SPDX-License-Identifier: Apache-2.0
// Everything that a store knows, in memory: the newest state of all objects, the history of durable
// changes, and which rows of the journal nobody needs any more. A row is needed while it is an object's
// newest state, a change in history, or the state before such a change.
import { ChangeHistory, type HistoryLimits, everyResource } from './change-history.ts'
import { decodeObject } from './encode-object.ts'
import type { JournalBatch, JournalRow } from './journal.ts'
import { ObjectTable } from './object-table.ts'
import type { ObjectKey, StoreChange, Stored } from './store.ts'

/** What a journal may forget. */
export type Discards = Pick<JournalBatch, 'expired' | 'floors'>

export interface StoreStateOptions {
  readonly history?: HistoryLimits | undefined
  /** Where history begins, as the journal has it; also says that discards are to be collected. */
  readonly floors?: ReadonlyMap<string, number>
}

// 0 has a meaning of its own in requests, so a new store begins at 1.
const firstRevision = 1

export class StoreState {
  readonly #tables = new Map<string, ObjectTable>()
  readonly #history: ChangeHistory
  readonly #isJournaled: boolean
  #expired: number[] = []
  #floors = new Map<string, number>()
  #revision: number

  constructor({ history, floors }: StoreStateOptions = {}) {
    this.#isJournaled = floors !== undefined
    this.#revision = Math.max(firstRevision, ...(floors?.values() ?? []))
    this.#history = new ChangeHistory(history, {
      onDrop: (change) => this.#discard(change),
      ...(floors && { floors }),
    })
  }

  /** Revision of the newest change. */
  get revision(): number {
    return this.#revision
  }

  get history(): Pick<ChangeHistory, 'since'> {
    return this.#history
  }

  /** The objects of a resource; undefined when it never had one. */
  table(resource: string): ObjectTable | undefined {
    return this.#tables.get(resource)
  }

  /** Makes `current` the newest state. */
  put(key: ObjectKey, current: Stored): StoreChange {
    const previous = this.#tableOf(key.resource).set(key.namespace, key.name, current)
    this.#revision = current.revision
    return { key, revision: current.revision, current, previous, removed: undefined }
  }

  /** Takes an object out; `removed` is what its watchers will see. */
  remove(key: ObjectKey, removed: Stored): StoreChange {
    const previous = this.#tableOf(key.resource).delete(key.namespace, key.name)
    this.#revision = removed.revision
    return { key, revision: removed.revision, current: undefined, previous, removed }
  }

  /** Takes back the newest changes, given in their order; nobody has been told of them. */
  undo(changes: readonly StoreChange[]): void {
    for (const { key, revision, previous } of changes.toReversed()) {
      const table = this.#tableOf(key.resource)
      if (previous === undefined) table.delete(key.namespace, key.name)
      else table.set(key.namespace, key.name, previous)
      this.#revision = revision - 1
    }
  }

  /** Adds a change to history, now that it is durable. */
  remember(change: StoreChange): void {
    this.#history.push(change)
  }

  /** Repeats a change that was read from the journal; they come in order. */
  restore({ key, revision, isRemoval, json }: JournalRow): void {
    const state = decodeObject(json, revision)
    const newest = this.#revision
    const change = isRemoval ? this.remove(key, state) : this.put(key, state)
    // The newest of all may have been a removal that history has forgotten: then its floor tells of it.
    this.#revision = Math.max(newest, revision)
    if (revision > this.#history.floorOf(key.resource)) this.#history.push(change)
    else this.#discard(change)
  }

  /** Forgets history up to `revision`. */
  compact(revision: number): void {
    this.#history.compact(revision)
    if (this.#isJournaled) this.#floors.set(everyResource, this.#history.floorOf(everyResource))
  }

  /** What the journal may forget with its next batch; give it back when that fails. */
  takeDiscards(): Discards {
    const discards = { expired: this.#expired, floors: this.#floors }
    this.#expired = []
    this.#floors = new Map()
    return discards
  }

  giveBack({ expired, floors }: Discards): void {
    this.#expired = [...expired, ...this.#expired]
    this.#floors = new Map([...floors, ...this.#floors])
  }

  #tableOf(resource: string): ObjectTable {
    let table = this.#tables.get(resource)
    if (table === undefined) {
      table = new ObjectTable()
      this.#tables.set(resource, table)
    }
    return table
  }

  /** A change has left history: the state before it is of no use, nor is a removal itself. */
  #discard({ key, revision, current, previous }: StoreChange): void {
    if (!this.#isJournaled) return
    if (previous !== undefined) this.#expired.push(previous.revision)
    if (current === undefined) this.#expired.push(revision)
    this.#floors.set(key.resource, this.#history.floorOf(key.resource))
  }
}
