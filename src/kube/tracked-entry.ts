// SPDX-License-Identifier: Apache-2.0
// One object that an ObjectTracker follows: first a GET, which is the quickest answer, then a watch
// of this object alone unless it can never change.
import type { Metrics } from '../observe/metrics.ts'
import { backoffMs } from '../util/backoff.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { VkError, messageOf } from '../util/vk-error.ts'
import { isNotFound } from './api-error.ts'
import type { KubeClient } from './kube-client.ts'
import type { Resource } from './resources.ts'
import type { StoredMeta } from './types.gen.ts'
import { Watcher } from './watcher.ts'
import { withoutBulk } from './without-bulk.ts'

export interface TrackedEntryOptions {
  readonly namespace: string
  readonly name: string
  readonly clock: Clock
  readonly log: Logger
  readonly metrics?: Metrics
  readonly onChange?: (namespace: string, name: string) => void
  readonly readTimeoutMs?: number
}

type Known<T> = { readonly object: T | undefined }

// The authorizer's graph trails the binding of a pod by some 10 ms, rarely by seconds.
const retry = { baseMs: 50, factor: 2, capMs: 5000, jitter: 0.25 }
const defaultReadTimeoutMs = 10_000
const freshMs = 30_000

/** Follows one object from its creation to its disposal. */
export class TrackedEntry<T extends { readonly metadata: StoredMeta }> implements AsyncDisposable {
  /** Who refers to it; kept by the tracker. */
  users = 0
  readonly #client: KubeClient
  readonly #resource: Resource<T>
  readonly #options: TrackedEntryOptions
  readonly #abort = new AbortController()
  #running: Promise<void>
  readonly #waiting = new Set<() => void>()
  #known: Known<T> | undefined
  #knownAtMs = 0
  #lastError: unknown
  #failingSinceMs: number | undefined
  #hasDisappointed = false
  #watch: AbortController | undefined

  constructor(client: KubeClient, resource: Resource<T>, options: TrackedEntryOptions) {
    this.#client = client
    this.#resource = resource
    this.#options = options
    this.#running = this.#follow()
  }

  /** The newest known state; waits for the first answer. */
  async read(signal?: AbortSignal): Promise<T | undefined> {
    if (this.#known) return this.#known.object
    const { clock, readTimeoutMs = defaultReadTimeoutMs } = this.#options
    // Who asks while it has failed for long is told so at once, and again when that changes.
    const failingMs = clock.monotonicMs() - (this.#failingSinceMs ?? Infinity)
    if (failingMs >= readTimeoutMs) throw this.#disappoint()
    const deadline = new AbortController()
    using _timer = clock.setTimer(readTimeoutMs, () => deadline.abort(this.#disappoint()))
    const signals = [this.#abort.signal, deadline.signal, ...(signal ? [signal] : [])]
    return await this.#firstAnswer(AbortSignal.any(signals))
  }

  /**
   * Asks again for an immutable object, which nobody watches, when its last answer is old: it may
   * have been deleted and made anew. Readers wait for the answer.
   */
  freshen(): void {
    const ageMs = this.#options.clock.monotonicMs() - this.#knownAtMs
    if (!isImmutable(this.#known?.object) || ageMs < freshMs) return
    this.#known = undefined
    this.#running = this.#running.then(() => this.#follow())
  }

  /** Ends the watch. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort(new Error('No longer tracked'))
    this.#watch?.abort()
    await this.#running
  }

  async #firstAnswer(signal: AbortSignal): Promise<T | undefined> {
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const onAbort = (): void => reject(signal.reason)
    signal.addEventListener('abort', onAbort)
    this.#waiting.add(resolve)
    try {
      await promise
      return this.#known?.object
    } finally {
      this.#waiting.delete(resolve)
      signal.removeEventListener('abort', onAbort)
    }
  }

  #disappoint(): unknown {
    this.#hasDisappointed = true
    const { namespace, name } = this.#options
    const what = `${this.#resource.plural} "${namespace}/${name}"`
    return this.#lastError ?? new VkError('Timeout', `Cannot get ${what}: no answer in time`)
  }

  async #follow(): Promise<void> {
    await this.#getUntilAnswered()
    while (!this.#abort.signal.aborted && !isImmutable(this.#known?.object)) {
      this.#watch = new AbortController()
      await this.#newWatcher().run(this.#watch.signal)
    }
  }

  // Until the first answer this asks itself, as a watch that is refused would wait for longer.
  async #getUntilAnswered(): Promise<void> {
    const { clock, log, namespace, name } = this.#options
    const { signal } = this.#abort
    for (let failures = 1; !signal.aborted && !this.#known; failures++) {
      try {
        const at = { namespace, name }
        this.#set(await this.#client.get(this.#resource, at, { signal }))
      } catch (error) {
        if (signal.aborted) return
        if (isNotFound(error)) {
          this.#set(undefined)
          return
        }
        this.#lastError = error
        this.#failingSinceMs ??= clock.monotonicMs()
        const wishMs = error instanceof VkError ? (error.retryAfterMs ?? 0) : 0
        const pauseMs = Math.max(backoffMs(failures, retry), wishMs)
        log.debug({ namespace, name, error: messageOf(error) }, 'Object cannot be read yet')
        await sleepUnlessAborted(clock, pauseMs, signal)
      }
    }
  }

  #newWatcher(): Watcher<T> {
    const { clock, log, metrics, namespace, name } = this.#options
    let seen: T | undefined
    return new Watcher(this.#client, this.#resource, {
      clock,
      log: quiet(log.child({ namespace, name })),
      ...(metrics && { metrics }),
      namespace,
      fieldSelector: `metadata.name=${name}`,
      sink: {
        listing: () => {
          seen = undefined
        },
        apply: (object) => {
          seen = object
          this.#set(object)
        },
        remove: () => this.#set(undefined),
        listed: () => {
          if (seen === undefined) this.#set(undefined)
        },
      },
    })
  }

  #set(given: T | undefined): void {
    const object = given && withoutBulk(given)
    const before = this.#known
    const isWanted = before ? !isSameVersion(before.object, object) : this.#hasDisappointed
    this.#known = { object }
    this.#knownAtMs = this.#options.clock.monotonicMs()
    this.#lastError = undefined
    this.#failingSinceMs = undefined
    this.#hasDisappointed = false
    for (const wake of this.#waiting) wake()
    if (isImmutable(object)) this.#watch?.abort()
    if (isWanted) this.#tell()
  }

  #tell(): void {
    const { onChange, log, namespace, name } = this.#options
    try {
      onChange?.(namespace, name)
    } catch (error) {
      log.error({ namespace, name, error: messageOf(error) }, 'Listener of a tracker failed')
    }
  }
}

// ConfigMaps and Secrets have this field; what is immutable can only be deleted.
function isImmutable(object: object | undefined): boolean {
  return object !== undefined && 'immutable' in object && object.immutable === true
}

function isSameVersion(
  one: { readonly metadata: StoredMeta } | undefined,
  other: { readonly metadata: StoredMeta } | undefined,
): boolean {
  return (
    one?.metadata.uid === other?.metadata.uid &&
    one?.metadata.resourceVersion === other?.metadata.resourceVersion
  )
}

// When the API server restarts, a thousand watches break at once; whoever needs an object that cannot
// be read says so itself.
function quiet(log: Logger): Logger {
  const debug: Logger['debug'] = (fields, message) => log.debug(fields, message)
  return {
    debug,
    info: debug,
    warn: debug,
    error: debug,
    child: (fields) => quiet(log.child(fields)),
  }
}

async function sleepUnlessAborted(
  clock: Clock,
  pauseMs: number,
  signal: AbortSignal,
): Promise<void> {
  await clock.sleep(pauseMs, { signal }).catch(() => {
    // Only the abort ends a sleep early; the caller's loop sees it.
  })
}
