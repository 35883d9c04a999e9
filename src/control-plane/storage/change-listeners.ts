// SPDX-License-Identifier: Apache-2.0
// Who wants to hear of changes. One who registers while a change is being told has seen it already in
// the history, and hears of the ones after it.
import { everyResource } from './change-history.ts'
import type { StoreChange } from './store.ts'

interface Listener {
  /** Newest revision that was told when it registered. */
  readonly after: number
  readonly hear: (change: StoreChange) => void
}

export class ChangeListeners {
  readonly #byResource = new Map<string, Set<Listener>>()

  /** Calls `hear` for each later change of `resource`, or of all for `*`. */
  add(resource: string, options: Listener): Disposable {
    const listener = { ...options }
    const listeners = this.#byResource.get(resource) ?? new Set()
    this.#byResource.set(resource, listeners)
    listeners.add(listener)
    return {
      [Symbol.dispose]: () => {
        listeners.delete(listener)
      },
    }
  }

  tell(change: StoreChange): void {
    this.#tellAll(this.#byResource.get(change.key.resource), change)
    this.#tellAll(this.#byResource.get(everyResource), change)
  }

  #tellAll(listeners: ReadonlySet<Listener> | undefined, change: StoreChange): void {
    for (const { after, hear } of listeners ?? []) {
      if (change.revision <= after) continue
      try {
        hear(change)
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}
