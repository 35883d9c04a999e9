// SPDX-License-Identifier: Apache-2.0
// Single objects that pods refer to, each followed by a watch of its own for as long as somebody
// refers to it. An identity of a node may read no more than these objects one by one, and only once
// the server knows that a pod of the node needs them: a refusal is therefore asked again for a while
// before it is believed. An immutable object needs no watch.
import type { Metrics } from '../observe/metrics.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import type { KubeClient } from './kube-client.ts'
import type { Resource } from './resources.ts'
import { TrackedEntry } from './tracked-entry.ts'
import type { StoredMeta } from './types.gen.ts'

export interface ObjectTrackerOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics?: Metrics
  /**
   * Told after an object came, changed or went; of the first answer only when a reader had been
   * turned away before it.
   */
  readonly onChange?: (namespace: string, name: string) => void
  /** How long `read` waits for an answer other than a refusal; default 10 s. */
  readonly readTimeoutMs?: number
}

/** A reference to an object; dispose of it when the object is no longer needed. */
export interface TrackedObject<T> extends Disposable {
  /**
   * The newest known state; undefined when there is no such object. Waits for the first answer.
   * Rejects with the server's refusal, or the failure, when none comes in time.
   */
  read(signal?: AbortSignal): Promise<T | undefined>
}

/** Follows single objects of one kind. */
export class ObjectTracker<T extends { readonly metadata: StoredMeta }> implements AsyncDisposable {
  readonly #client: KubeClient
  readonly #resource: Resource<T>
  readonly #options: ObjectTrackerOptions
  readonly #entries = new Map<string, TrackedEntry<T>>()
  readonly #closing = new Set<Promise<void>>()

  constructor(client: KubeClient, resource: Resource<T>, options: ObjectTrackerOptions) {
    this.#client = client
    this.#resource = resource
    this.#options = options
  }

  /** Objects that are followed now. */
  get size(): number {
    return this.#entries.size
  }

  /** Follows an object, together with all others who refer to it. */
  acquire(namespace: string, name: string): TrackedObject<T> {
    const key = `${namespace}/${name}`
    let entry = this.#entries.get(key)
    if (!entry) {
      entry = new TrackedEntry(this.#client, this.#resource, {
        ...this.#options,
        namespace,
        name,
      })
      this.#entries.set(key, entry)
    }
    entry.freshen()
    entry.users += 1
    return this.#reference(key, entry)
  }

  /** Stops all watches. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const entry of this.#entries.values()) this.#close(entry)
    this.#entries.clear()
    await Promise.all(this.#closing)
  }

  #reference(key: string, entry: TrackedEntry<T>): TrackedObject<T> {
    let isReleased = false
    return {
      read: (signal) => entry.read(signal),
      [Symbol.dispose]: () => {
        if (isReleased) return
        isReleased = true
        entry.users -= 1
        if (entry.users > 0 || this.#entries.get(key) !== entry) return
        this.#entries.delete(key)
        this.#close(entry)
      },
    }
  }

  #close(entry: TrackedEntry<T>): void {
    const closing = entry[Symbol.asyncDispose]().finally(() => this.#closing.delete(closing))
    this.#closing.add(closing)
  }
}
