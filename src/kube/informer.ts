// SPDX-License-Identifier: Apache-2.0
// A copy of a collection in memory that follows the server's, and tells of differences. Errors make
// it old, never empty. After a lost connection it reports what differs from what it knew, so that
// listeners see neither repetitions nor gaps; between two looks several changes may be seen as one.
import type { Metrics } from '../observe/metrics.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { untilAborted } from '../util/until-aborted.ts'
import { messageOf } from '../util/vk-error.ts'
import type { KubeClient } from './kube-client.ts'
import type { Resource } from './resources.ts'
import type { StoredMeta } from './types.gen.ts'
import { Watcher } from './watcher.ts'
import type { WatcherSink } from './watcher.ts'

/** A difference between two states of the cache. */
export type Change<T> =
  | { readonly type: 'added'; readonly object: T }
  | { readonly type: 'updated'; readonly object: T; readonly previous: T }
  | { readonly type: 'deleted'; readonly object: T }

export interface InformerOptions<T> {
  readonly namespace?: string
  readonly fieldSelector?: string
  readonly labelSelector?: string
  /** Cuts objects down before they are cached, such as `withoutBulk`. */
  readonly transform?: (object: T) => T
  readonly clock: Clock
  readonly log: Logger
  readonly metrics?: Metrics
  readonly random?: () => number
}

/** Keeps a collection, or a selection of it, in memory. */
export class Informer<T extends { readonly metadata: StoredMeta }> implements AsyncDisposable {
  readonly #options: InformerOptions<T>
  readonly #watcher: Watcher<T>
  readonly #objects = new Map<string, T>()
  readonly #listeners = new Set<(change: Change<T>) => void>()
  readonly #abort = new AbortController()
  readonly #synced = Promise.withResolvers<void>()
  #running: Promise<void> | undefined
  #hasSynced = false
  /** Keys that the list under way has not shown yet. */
  #unseen: Set<string> | undefined

  constructor(client: KubeClient, resource: Resource<T>, options: InformerOptions<T>) {
    this.#options = options
    const { transform: _transform, ...rest } = options
    this.#watcher = new Watcher(client, resource, { ...rest, sink: this.#sink() })
    this.#synced.promise.catch(() => {
      // Nobody may be waiting for it when the informer is disposed of.
    })
  }

  /** Begins to follow the collection. */
  start(): void {
    this.#running ??= this.#watcher.run(this.#abort.signal)
  }

  /** Has the collection been read whole at least once? */
  get hasSynced(): boolean {
    return this.#hasSynced
  }

  /** Why following does not work just now; undefined while it does. */
  get lastError(): unknown {
    return this.#watcher.lastError
  }

  /** Resolves once the collection has been read whole; rejects with the signal's reason. */
  async whenSynced(signal?: AbortSignal): Promise<void> {
    const { promise } = this.#synced
    await (signal ? untilAborted(promise, signal) : promise)
  }

  /** The cached object; `namespace` for namespaced kinds. */
  get(name: string, namespace?: string): T | undefined {
    return this.#objects.get(`${namespace ?? ''}/${name}`)
  }

  /** All cached objects. */
  list(): Iterable<T> {
    return this.#objects.values()
  }

  get size(): number {
    return this.#objects.size
  }

  /**
   * Calls `listener` after each change of the cache. An object that was replaced by another of the
   * same name is deleted, then added.
   */
  onChange(listener: (change: Change<T>) => void): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) }
  }

  /** Stops following; the cache keeps its last state. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort(new Error('Informer closed'))
    this.#listeners.clear()
    await this.#running
    this.#synced.reject(new Error('Informer closed before it was synced'))
  }

  #sink(): WatcherSink<T> {
    return {
      listing: () => {
        this.#unseen = new Set(this.#objects.keys())
      },
      apply: (object) => this.#apply(object),
      remove: (object) => this.#remove(keyOf(object), object),
      listed: () => this.#listed(),
    }
  }

  #listed(): void {
    for (const key of this.#unseen ?? []) this.#remove(key)
    this.#unseen = undefined
    this.#hasSynced = true
    this.#synced.resolve()
  }

  #apply(given: T): void {
    const key = keyOf(given)
    this.#unseen?.delete(key)
    const previous = this.#objects.get(key)
    if (previous?.metadata.resourceVersion === given.metadata.resourceVersion) return
    const { transform } = this.#options
    const object = transform ? transform(given) : given
    if (previous && previous.metadata.uid !== object.metadata.uid) this.#remove(key)
    const isKnown = this.#objects.has(key)
    this.#objects.set(key, object)
    if (isKnown && previous) this.#tell({ type: 'updated', object, previous })
    else this.#tell({ type: 'added', object })
  }

  #remove(key: string, last?: T): void {
    this.#unseen?.delete(key)
    const known = this.#objects.get(key)
    if (!known) return
    this.#objects.delete(key)
    const { transform } = this.#options
    // The last state that the server sent is newer than ours, if it is of the same object.
    const isSame = last?.metadata.uid === known.metadata.uid
    const object = last && isSame ? (transform ? transform(last) : last) : known
    this.#tell({ type: 'deleted', object })
  }

  #tell(change: Change<T>): void {
    for (const listener of this.#listeners) {
      try {
        listener(change)
      } catch (error) {
        this.#options.log.error({ error: messageOf(error) }, 'Listener of an informer failed')
      }
    }
  }
}

function keyOf({ metadata }: { readonly metadata: StoredMeta }): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`
}
