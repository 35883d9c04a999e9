// SPDX-License-Identifier: Apache-2.0
// Collects changes and commits them together: all of one turn of the event loop, and while a commit
// runs, all that come meanwhile. Changes become known in order and only after their commit. When a
// commit fails, whoever waits is refused, nothing is dropped, and the same changes are tried again
// until it succeeds; until then no new ones are taken.
import type { Clock } from '../../util/clock.ts'
import { VkError, messageOf } from '../../util/vk-error.ts'
import type { StoreChange } from './store.ts'

export interface GroupCommitOptions {
  /** Newest revision that is durable already. */
  readonly revision: number
  /** Makes changes durable; undefined when they need not be. */
  readonly commit: ((changes: readonly StoreChange[]) => Promise<void>) | undefined
  /** Told of every change once, in order, after its commit. */
  readonly onDurable: (change: StoreChange) => void
  readonly clock: Clock
  /** Pause before a failed commit is tried again. */
  readonly retryMs: number
}

interface Waiter {
  readonly revision: number
  readonly resolve: () => void
  readonly reject: (error: VkError) => void
}

// A transaction of more would hold up whoever comes next for too long.
const maxChanges = 4096

export class GroupCommit {
  readonly #options: GroupCommitOptions
  #state: 'idle' | 'scheduled' | 'committing' | 'retrying' = 'idle'
  #pending: StoreChange[] = []
  #waiters: Waiter[] = []
  #durableRevision: number
  #failure: VkError | undefined
  #isWanted = false
  #isClosed = false
  #running: Promise<void> = Promise.resolve()
  #retry: Disposable | undefined

  constructor(options: GroupCommitOptions) {
    this.#options = options
    this.#durableRevision = options.revision
  }

  get durableRevision(): number {
    return this.#durableRevision
  }

  /** Throws the VkError that says why nothing can be written now. */
  checkWritable(): void {
    if (this.#isClosed) throw closed()
    if (this.#failure !== undefined) throw this.#failure
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

  /** Resolves when all changes up to `revision` are durable; rejects when that fails. */
  durable(revision: number): Promise<void> {
    if (revision <= this.#durableRevision) return Promise.resolve()
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#waiters.push({ revision, resolve, reject })
    return promise
  }

  /** Takes no more changes and commits those there are; rejects when that fails, and they are lost. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#running
    this.#retry?.[Symbol.dispose]()
    if (this.#isWanted || this.#pending.length > 0) await this.#commitAll()
    this.#retry?.[Symbol.dispose]()
    if (this.#failure !== undefined && this.#pending.length > 0) throw this.#failure
  }

  async #commitAll(): Promise<void> {
    this.#state = 'committing'
    while (this.#isWanted || this.#pending.length > 0) {
      this.#isWanted = false
      const changes = this.#pending.splice(0, maxChanges)
      try {
        if (this.#options.commit !== undefined) await this.#options.commit(changes)
      } catch (cause) {
        this.#fail(cause, changes)
        return
      }
      this.#failure = undefined
      this.#settle(changes)
    }
    this.#state = 'idle'
  }

  #settle(changes: readonly StoreChange[]): void {
    for (const change of changes) {
      this.#durableRevision = change.revision
      this.#options.onDurable(change)
    }
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) {
      if (waiter.revision <= this.#durableRevision) waiter.resolve()
      else this.#waiters.push(waiter)
    }
  }

  #fail(cause: unknown, changes: readonly StoreChange[]): void {
    const { clock, retryMs } = this.#options
    const failure = new VkError('Unavailable', `Cannot write to storage: ${messageOf(cause)}`, {
      cause,
      retryAfterMs: retryMs,
    })
    this.#failure = failure
    this.#pending = [...changes, ...this.#pending]
    this.#isWanted = true
    this.#state = 'retrying'
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) waiter.reject(failure)
    this.#retry = clock.setTimer(retryMs, () => {
      if (this.#state === 'retrying') this.#running = this.#commitAll()
    })
  }
}

function closed(): VkError {
  return new VkError('Unavailable', 'Cannot write to storage: it is closed')
}
