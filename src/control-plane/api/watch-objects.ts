// SPDX-License-Identifier: Apache-2.0
// A watch: the past after some revision, or the present as ADDED events, then each change once it is
// durable. Invariants: events come in the order of revisions, none twice, none missing; a reader that
// does not keep up is sent away rather than buffered without bound, and resumes where it was.
import { setImmediate as turn } from 'node:timers/promises'
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
  /** Called once so much waits for a slow reader that the watch has to be given up. */
  readonly onLost: () => void
}

/** Where events go. Resolves when there is room for more. */
export type WatchSink = (events: readonly WatchEvent[]) => Promise<void>

// What may wait for a slow reader. It shares its bytes with storage and with other watches.
const maxWaiting = 20_000
const maxWaitingBytes = 32 * 1024 * 1024
/** Events are encoded and handed over in batches of about this size. */
const batchBytes = 256 * 1024
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
  const { items, revision } = await core.store.read(() => {
    const snapshot = snapshotOf(core, resource, filter)
    feed.start([], snapshot.revision)
    return snapshot
  })
  let batch: WatchEvent[] = []
  let bytes = 0
  for (const stored of items) {
    batch.push({ type: 'ADDED', stored })
    bytes += stored.json.length
    if (bytes < batchBytes) continue
    await sink(batch)
    batch = []
    bytes = 0
  }
  if (batch.length > 0) await sink(batch)
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
    if (feed.hasWaiting) {
      const events = feed.take()
      if (events.length > 0) await sink(events)
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
    await feed.wait(untilMs)
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
  /** Those before `#next` have been taken. */
  #waiting: StoreChange[] = []
  #next = 0
  #waitingBytes = 0
  #wake: (() => void) | undefined
  #alarm: Disposable | undefined
  #alarmMs: number | undefined
  #revision = Number.POSITIVE_INFINITY
  #isStarted = false
  #isLost = false

  constructor(core: ApiCore, request: WatchRequest) {
    this.#core = core
    this.#request = request
    this.#subscription = core.store.onChange(request.resource.storage, (change) =>
      this.#add(change),
    )
    request.signal.addEventListener('abort', this.#wakeUp)
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
    this.#waitingBytes = this.#waiting.reduce((sum, change) => sum + bytesOf(change), 0)
  }

  get hasWaiting(): boolean {
    return this.#next < this.#waiting.length
  }

  /** The next batch; empty when its changes do not concern this watch. */
  take(): readonly WatchEvent[] {
    const { resource, filter } = this.#request
    const events: WatchEvent[] = []
    for (let bytes = 0; bytes < batchBytes; this.#next += 1) {
      const change = this.#waiting[this.#next]
      if (change === undefined) break
      const size = bytesOf(change)
      bytes += size
      this.#waitingBytes -= size
      this.#revision = change.revision
      const event = eventOf(change, resource, filter)
      if (event) events.push(event)
    }
    this.#forgetTaken()
    return events
  }

  /** Resolves on news, at `untilMs` of the monotonic clock, or when the watch is aborted. */
  async wait(untilMs: number): Promise<void> {
    if (this.#request.signal.aborted) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    this.#setAlarm(untilMs)
    await promise
    // Whatever else changes in this turn goes out together.
    await turn()
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]()
    this.#alarm?.[Symbol.dispose]()
    this.#request.signal.removeEventListener('abort', this.#wakeUp)
  }

  /** The same alarm serves many waits. */
  #setAlarm(untilMs: number): void {
    if (untilMs === this.#alarmMs) return
    this.#alarm?.[Symbol.dispose]()
    this.#alarmMs = untilMs
    const { clock } = this.#core
    this.#alarm = clock.setTimer(untilMs - clock.monotonicMs(), () => {
      this.#alarmMs = undefined
      this.#wakeUp()
    })
  }

  readonly #wakeUp = (): void => {
    this.#wake?.()
    this.#wake = undefined
  }

  #add(change: StoreChange): void {
    if (this.#isStarted && change.revision <= this.#revision) return
    if (this.#isLost) return
    this.#waiting.push(change)
    this.#waitingBytes += bytesOf(change)
    const count = this.#waiting.length - this.#next
    if (this.#isStarted && (count > maxWaiting || this.#waitingBytes > maxWaitingBytes)) {
      this.#giveUp()
    }
    this.#wakeUp()
  }

  #giveUp(): void {
    this.#isLost = true
    this.#waiting = []
    this.#next = 0
    this.#request.onLost()
  }

  #forgetTaken(): void {
    if (this.#next === this.#waiting.length) this.#waiting = []
    else if (this.#next * 2 > this.#waiting.length) this.#waiting = this.#waiting.slice(this.#next)
    else return
    this.#next = 0
  }
}

function bytesOf({ current, removed }: StoreChange): number {
  return (current ?? removed)?.json.length ?? 0
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
