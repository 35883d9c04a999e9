// SPDX-License-Identifier: Apache-2.0
// Decides what becomes of an event, the way kubectl's users know it from every component: repeats
// count up, many of a kind are folded into one, and an object that keeps on complaining is let
// through only now and then. Pure bookkeeping; writing is the recorder's work.
import { randomUUID } from 'node:crypto'
import type { Clock } from '../util/clock.ts'
import type { RecordedEvent } from './event-recorder.ts'
import type { ObjectReference } from './types.gen.ts'

/** An event as it stands, counted up with each repetition. */
export interface EventSeriesState {
  readonly about: ObjectReference
  readonly event: RecordedEvent
  readonly name: string
  readonly namespace: string
  readonly firstMs: number
  lastMs: number
  message: string
  count: number
}

// So many different messages of one reason are shown before the rest is folded...
const maxSimilar = 10
// ...unless the last of them is this old.
const similarForMs = 600_000
const maxEntries = 4096
// Per object: this many at once, then one per refill.
const burst = 25
const refillMs = 300_000
const combinedPrefix = '(combined from similar events): '
const maxMessageLength = 4096

interface Similar {
  readonly messages: Set<string>
  lastMs: number
}

interface Bucket {
  tokens: number
  filledMs: number
}

/** Keeps what is needed to fold and to limit events. */
export class EventCorrelator {
  readonly #clock: Clock
  readonly #similar = new Map<string, Similar>()
  readonly #series = new Map<string, EventSeriesState>()
  readonly #buckets = new Map<string, Bucket>()
  #lastNanos = 0n

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The series that an event belongs to, counted up; undefined when there were too many. */
  take(about: ObjectReference, event: RecordedEvent): EventSeriesState | undefined {
    const object = [about.kind, about.namespace, about.name, about.uid, about.apiVersion].join('|')
    const kind = [object, event.type, event.reason].join('|')
    const isFolded = this.#isOneOfMany(kind, event.message)
    const key = isFolded ? kind : [kind, about.fieldPath, event.message].join('|')
    const message = (isFolded ? combinedPrefix : '') + event.message
    const series = this.#count(key, { about, event, message: message.slice(0, maxMessageLength) })
    return this.#mayPass(object) ? series : undefined
  }

  #isOneOfMany(kind: string, message: string): boolean {
    const nowMs = this.#clock.nowMs()
    let similar = recall(this.#similar, kind)
    if (!similar || nowMs - similar.lastMs > similarForMs) {
      similar = { messages: new Set(), lastMs: nowMs }
    }
    similar.lastMs = nowMs
    similar.messages.add(message)
    remember(this.#similar, kind, similar)
    if (similar.messages.size < maxSimilar) return false
    for (const oldest of similar.messages) {
      similar.messages.delete(oldest)
      break
    }
    return true
  }

  #count(
    key: string,
    given: { about: ObjectReference; event: RecordedEvent; message: string },
  ): EventSeriesState {
    const nowMs = this.#clock.nowMs()
    const known = recall(this.#series, key)
    if (known) {
      known.count += 1
      known.lastMs = nowMs
      known.message = given.message
      remember(this.#series, key, known)
      return known
    }
    const series: EventSeriesState = {
      ...given,
      name: this.#nameFor(given.about.name ?? ''),
      // Events about what has no namespace, such as nodes, are kept in this one.
      namespace: given.about.namespace || 'default',
      firstMs: nowMs,
      lastMs: nowMs,
      count: 1,
    }
    remember(this.#series, key, series)
    return series
  }

  #mayPass(object: string): boolean {
    const nowMs = this.#clock.nowMs()
    const bucket = recall(this.#buckets, object) ?? { tokens: burst, filledMs: nowMs }
    const refilled = bucket.tokens + (nowMs - bucket.filledMs) / refillMs
    bucket.tokens = Math.min(burst, refilled)
    bucket.filledMs = nowMs
    remember(this.#buckets, object, bucket)
    if (bucket.tokens < 1) return false
    bucket.tokens -= 1
    return true
  }

  // `<object>.<hex nanoseconds>`; two events of the same millisecond differ by a nanosecond.
  #nameFor(object: string): string {
    const nanos = BigInt(Math.round(this.#clock.nowMs())) * 1_000_000n
    this.#lastNanos = nanos > this.#lastNanos ? nanos : this.#lastNanos + 1n
    const name = `${object}.${this.#lastNanos.toString(16)}`
    return name.length <= 253 ? name : randomUUID()
  }
}

// Maps that forget what was not used for longest: a Map iterates in the order of insertion.
function recall<V>(map: Map<string, V>, key: string): V | undefined {
  const value = map.get(key)
  if (value !== undefined) map.delete(key)
  return value
}

function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.set(key, value)
  if (map.size <= maxEntries) return
  for (const oldest of map.keys()) {
    map.delete(oldest)
    return
  }
}
