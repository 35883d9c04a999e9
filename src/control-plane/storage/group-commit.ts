// SPDX-License-Identifier: Apache-2.0
// Collects changes and commits them together: all of one turn of the event loop, and while a commit
// runs, all that come meanwhile. Changes become known in order and only after their commit. When a
// commit fails, its changes and all that came after them are taken back before anybody runs, and whoever
// waits for them is refused: what is left is durable. The next change is the next attempt.
import { VkError } from '../../util/vk-error.ts'
import { StorageFailure } from './storage-failure.ts'
import type { StoreChange } from './store.ts'

export interface GroupCommitOptions {
  /** Newest revision that is durable already. */
  readonly revision: number
  /** Makes changes durable; undefined when they need not be. */
  readonly commit: ((changes: readonly StoreChange[]) => Promise<void>) | undefined
  /** Told of every change once, in order, after its commit. */
  readonly onDurable: (change: StoreChange) => void
  /** Takes changes back that were not committed, in their order. */
  readonly onRefused: (changes: readonly StoreChange[]) => void
}

interface Waiter {
  readonly revision: number
  readonly settle: (failure: StorageFailure | undefined) => void
}

// A transaction of more would hold up whoever comes next for too long.
const maxChanges = 4096

export class GroupCommit {
  readonly #options: GroupCommitOptions
  #state: 'idle' | 'scheduled' | 'committing' = 'idle'
  #pending: StoreChange[] = []
  #waiters: Waiter[] = []
  #durableRevision: number
  #failure: StorageFailure | undefined
  #isWanted = false
  #isClosed = false
  #running: Promise<void> = Promise.resolve()

  constructor(options: GroupCommitOptions) {
    this.#options = options
    this.#durableRevision = options.revision
  }

  /** Why the latest changes were refused; undefined again once some were committed. */
  get failure(): StorageFailure | undefined {
    return this.#failure
  }

  /** Throws a VkError when no changes are taken any more. */
  checkOpen(): void {
    if (this.#isClosed) throw new VkError('Unavailable', 'Cannot write to storage: it is closed')
  }

  add(change: StoreChange): void {
    this.#pending.push(change)
    this.flush()
  }

  /** Commits soon, even without a change. */
  flush(): void {
    this.#isWanted = true
    if (this.#state !== 'idle') return
    this.#state = 'scheduled'
    const start = (): void => {
      if (this.#state === 'scheduled') this.#running = this.#commitAll()
    }
    if (this.#options.commit === undefined) queueMicrotask(start)
    else setImmediate(start)
  }

  /**
   * Calls `settle` once all changes up to `revision` are durable, at once when they are; or with why not,
   * as soon as they have been taken back.
   */
  whenSettled(revision: number, settle: Waiter['settle']): void {
    if (revision <= this.#durableRevision) settle(undefined)
    else this.#waiters.push({ revision, settle })
  }

  /** Takes no more changes and commits those there are; rejects when that fails, and they are lost. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#running
    const hasChanges = this.#pending.length > 0
    if (this.#isWanted || hasChanges) await this.#commitAll()
    if (hasChanges && this.#failure !== undefined) throw this.#failure
  }

  async #commitAll(): Promise<void> {
    this.#state = 'committing'
    while (this.#isWanted || this.#pending.length > 0) {
      this.#isWanted = false
      const changes = this.#pending.splice(0, maxChanges)
      try {
        if (this.#options.commit !== undefined) await this.#options.commit(changes)
      } catch (cause) {
        this.#refuse(changes, new StorageFailure(cause))
        continue
      }
      // A commit of nothing succeeds on a full disk as well.
      if (changes.length > 0) this.#failure = undefined
      this.#tell(changes)
    }
    this.#state = 'idle'
  }

  #tell(changes: readonly StoreChange[]): void {
    for (const change of changes) {
      this.#durableRevision = change.revision
      this.#options.onDurable(change)
    }
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) {
      if (waiter.revision <= this.#durableRevision) waiter.settle(undefined)
      else this.#waiters.push(waiter)
    }
  }

  #refuse(changes: readonly StoreChange[], failure: StorageFailure): void {
    this.#failure = failure
    // What came since may build on what is refused.
    const refused = [...changes, ...this.#pending]
    this.#pending = []
    this.#options.onRefused(refused)
    const waiters = this.#waiters
    this.#waiters = []
    for (const { settle } of waiters) settle(failure)
  }
}
