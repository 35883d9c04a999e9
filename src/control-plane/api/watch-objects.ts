// SPDX-License-Identifier: Apache-2.0
// A watch: the past after some revision, or the present as ADDED events, then each change once it is
// durable. Invariants: events come in the order of revisions, none twice, none missing; a reader that
// does not keep up is sent away rather than buffered without bound, and resumes where it was.
import { expired } from '../objects/api-status.ts'
import type { StoredObject } from '../objects/kube-object.ts'
import type { ResourceDefinition } from '../resources/resource-definition.ts'
import type { StoreChange, Stored } from '../storage/store.ts'
import type { ApiCore } from './api-core.ts'
import { shown } from './api-core.ts'
import { snapshotOf } from './list-objects.ts'
import type { ObjectFilter } from './object-filter.ts'

/** What a watch sends: an object in storage's bytes, or one made for the occasion. */
export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED'; readonly stored: Stored }
  | { readonly type: 'DELETED'; readonly stored: Stored }
  | { readonly type: 'BOOKMARK'; readonly revision: number; readonly isInitialEnd: boolean }
  | { readonly type: 'ERROR'; readonly status: unknown }

export interface WatchRequest {
  readonly resource: ResourceDefinition
  readonly filter: ObjectFilter
  /** 0 starts with the present. */
  readonly fromRevision: number
  /** Sends the present first and marks its end by a bookmark. */
  readonly sendInitialEvents: boolean
  readonly allowBookmarks: boolean
  /** Ends the watch normally after this long. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** Where events go. Resolves when there is room for more. */
export type WatchSink = (events: readonly WatchEvent[]) => Promise<void>

/** Changes that may wait for a slow reader. They share their bytes with storage. */
const maxWaiting = 20_000
const initialBatch = 500
const bookmarkEveryMs = 60_000

/** Serves a watch to its end. Throws only what the sink throws. */
export async function watchObjects(
  core: ApiCore,
  request: WatchRequest,
  sink: WatchSink,
): Promise<void> {
  const { resource, fromRevision, sendInitialEvents } = request
  // Subscribed before anything is read, so that nothing falls in between.
  using feed = new ChangeFeed(core, request)
  const isFromPresent = sendInitialEvents || fromRevision === 0
  if (!isFromPresent) {
    const past = core.store.changesSince(resource.storage, fromRevision)
    if (!past || fromRevision > core.store.revision) {
      await sink([{ type: 'ERROR', status: tooOld(fromRevision).status }])
      return
    }
    feed.start(past, fromRevision)
  } else {
    await sendPresent(core, request, { sink, feed })
  }
  await follow(feed, request, { core, sink })
}

async function sendPresent(
  core: ApiCore,
  { resource, filter, sendInitialEvents }: WatchRequest,
  { sink, feed }: { readonly sink: WatchSink; readonly feed: ChangeFeed },
): Promise<void> {
  const { items, revision } = snapshotOf(core, resource, filter)
  feed.start([], revision)
  await core.store.durable()
  for (let start = 0; start < items.length; start += initialBatch) {
    const batch = items.slice(start, start + initialBatch)
    await sink(batch.map((stored): WatchEvent => ({ type: 'ADDED', stored })))
  }
  if (sendInitialEvents) await sink([{ type: 'BOOKMARK', revision, isInitialEnd: true }])
}

async function follow(
  feed: ChangeFeed,
  { allowBookmarks, timeoutMs, signal }: WatchRequest,
  { core, sink }: { readonly core: ApiCore; readonly sink: WatchSink },
): Promise<void> {
  const endMs = core.clock.monotonicMs() + timeoutMs
  let bookmarkMs = core.clock.monotonicMs() + bookmarkEveryMs
  while (!signal.aborted && !feed.isLost) {
    const events = feed.take()
    if (events.length > 0) {
      await sink(events)
      continue
    }
    const nowMs = core.clock.monotonicMs()
    if (nowMs >= endMs) break
    if (allowBookmarks && nowMs >= bookmarkMs) {
      bookmarkMs = nowMs + bookmarkEveryMs
      await sink([{ type: 'BOOKMARK', revision: feed.revision, isInitialEnd: false }])
      continue
    }
    const untilMs = allowBookmarks ? Math.min(endMs, bookmarkMs) : endMs
    await feed.wait(untilMs - nowMs, signal)
  }
  if (allowBookmarks && !signal.aborted && !feed.isLost) {
    await sink([{ type: 'BOOKMARK', revision: feed.revision, isInitialEnd: false }])
  }
}

/** The changes that one watch has not sent yet. */
class ChangeFeed implements Disposable {
  readonly #core: ApiCore
  readonly #request: WatchRequest
  readonly #subscription: Disposable
  #waiting: StoreChange[] = []
  #wake: (() => void) | undefined
  #revision = Number.POSITIVE_INFINITY
  #isStarted = false
  #isLost = false

  constructor(core: ApiCore, request: WatchRequest) {
    this.#core = core
    this.#request = request
    this.#subscription = core.store.onChange(request.resource.storage, (change) =>
      this.#add(change),
    )
  }

  /** True once so much has waited that the watch has to be given up. */
  get isLost(): boolean {
    return this.#isLost
  }

  /** Everything up to here has been sent or does not concern this watch. */
  get revision(): number {
    return this.#revision
  }

  /** From here on: first `past`, then what comes after `revision`. */
  start(past: readonly StoreChange[], revision: number): void {
    this.#revision = revision
    this.#isStarted = true
    // What has come in since the subscription may be part of the past as well.
    const last = past.at(-1)?.revision ?? revision
    this.#waiting = [...past, ...this.#waiting.filter((change) => change.revision > last)]
  }

  take(): readonly WatchEvent[] {
    const changes = this.#waiting
    if (changes.length === 0) return []
    this.#waiting = []
    this.#revision = changes.at(-1)?.revision ?? this.#revision
    const { resource, filter } = this.#request
    return changes.flatMap((change) => eventOf(change, resource, filter) ?? [])
  }

  /** Resolves on news, after `delayMs`, or when the signal aborts. */
  async wait(delayMs: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    using _timer = this.#core.clock.setTimer(delayMs, resolve)
    signal.addEventListener('abort', () => resolve(), { once: true })
    await promise
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]()
  }

  #add(change: StoreChange): void {
    if (this.#isStarted && change.revision <= this.#revision) return
    if (this.#waiting.length >= maxWaiting) {
      this.#isLost = true
      this.#waiting = []
    }
    this.#waiting.push(change)
    this.#wake?.()
    this.#wake = undefined
  }
}

/** What a change is to someone who sees only what the filter lets through. */
function eventOf(
  { current, previous, removed, revision }: StoreChange,
  resource: ResourceDefinition,
  { matches }: ObjectFilter,
): WatchEvent | undefined {
  const isIn = current !== undefined && matches(shown(resource, current))
  const wasIn = previous !== undefined && matches(shown(resource, previous))
  if (isIn) return { type: wasIn ? 'MODIFIED' : 'ADDED', stored: current }
  if (wasIn) return { type: 'DELETED', stored: removed ?? atRevision(previous, revision) }
  return undefined
}

/** An object as it last was within the filter, under the revision at which it left. */
function atRevision(last: Stored, revision: number): Stored {
  const metadata = { ...last.object.metadata, resourceVersion: String(revision) }
  const object: StoredObject = { ...last.object, metadata }
  return { object, revision, json: Buffer.from(JSON.stringify(object)) }
}

function tooOld(revision: number) {
  return expired(`too old resource version: ${revision}`)
}
