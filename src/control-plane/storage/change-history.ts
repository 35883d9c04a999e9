// SPDX-License-Identifier: Apache-2.0
// The recent durable changes of each resource, for watches that resume. Bounded by number and by bytes
// for each resource and for all, so that a chatty resource cannot push out the history of a quiet one
// before it has used up its own share. What is dropped raises the floor of its resource: whoever asks
// for an older revision has to list anew.
import type { StoreChange } from './store.ts'

/** How much history is kept. Bytes are those of the JSON that only history still holds. */
export interface HistoryLimits {
  /** Default 10,000. */
  readonly changesPerResource?: number
  /** Default 50,000. */
  readonly changes?: number
  /** Default 32 MiB. In memory an object takes about three times its JSON. */
  readonly bytesPerResource?: number
  /** Default 64 MiB. */
  readonly bytes?: number
}

/** Stands for all resources in a map of floors. */
export const everyResource = '*'

/** Changes of one resource, oldest first; those before `head` are dropped. */
interface Series {
  changes: (StoreChange | undefined)[]
  head: number
  bytes: number
  /** Revision of the newest change that was dropped. */
  floor: number
}

interface Order {
  changes: { readonly series: Series; readonly revision: number }[]
  head: number
}

const mebibyte = 2 ** 20
const compactAfter = 1024

export class ChangeHistory {
  readonly #limits: Required<HistoryLimits>
  readonly #onDrop: (change: StoreChange) => void
  readonly #series = new Map<string, Series>()
  /** Every change in order; entries that their series has dropped already are skipped. */
  readonly #order: Order = { changes: [], head: 0 }
  readonly #floors: ReadonlyMap<string, number>
  #floor: number
  #count = 0
  #bytes = 0

  /** `onDrop` is called for each change that leaves; `floors` are those of an earlier life. */
  constructor(
    limits: HistoryLimits = {},
    options: {
      readonly onDrop?: (change: StoreChange) => void
      readonly floors?: ReadonlyMap<string, number>
    } = {},
  ) {
    this.#limits = {
      changesPerResource: limits.changesPerResource ?? 10_000,
      changes: limits.changes ?? 50_000,
      bytesPerResource: limits.bytesPerResource ?? 32 * mebibyte,
      bytes: limits.bytes ?? 64 * mebibyte,
    }
    this.#onDrop = options.onDrop ?? (() => {})
    this.#floors = options.floors ?? new Map()
    this.#floor = this.#floors.get(everyResource) ?? 0
  }

  /** The oldest revision from which the changes of a resource are complete. */
  floorOf(resource: string): number {
    const own = this.#series.get(resource)?.floor ?? this.#floors.get(resource) ?? 0
    return Math.max(own, this.#floor)
  }

  /** Adds the newest change. */
  push(change: StoreChange): void {
    const series = this.#seriesOf(change.key.resource)
    const bytes = bytesOf(change)
    series.changes.push(change)
    series.bytes += bytes
    this.#count++
    this.#noteOrder(series, change.revision)
    this.#bytes += bytes
    const { changesPerResource, bytesPerResource } = this.#limits
    while (lengthOf(series) > changesPerResource || series.bytes > bytesPerResource) {
      this.#drop(series)
    }
    while (this.#count > this.#limits.changes || this.#bytes > this.#limits.bytes) {
      this.#dropOldest()
    }
  }

  /** Changes of a resource after `revision`; undefined when some of them were dropped. */
  since(resource: string, revision: number): readonly StoreChange[] | undefined {
    if (revision < this.floorOf(resource)) return undefined
    const series = this.#series.get(resource)
    if (series === undefined) return []
    return series.changes.slice(firstAfter(series, revision)) as StoreChange[]
  }

  /** Drops every change up to `revision`. */
  compact(revision: number): void {
    this.#floor = Math.max(this.#floor, revision)
    for (const series of this.#series.values()) {
      const end = firstAfter(series, revision)
      for (let left = end - series.head; left > 0; left--) this.#drop(series)
    }
  }

  #seriesOf(resource: string): Series {
    let series = this.#series.get(resource)
    if (series === undefined) {
      series = { changes: [], head: 0, bytes: 0, floor: this.#floors.get(resource) ?? 0 }
      this.#series.set(resource, series)
    }
    return series
  }

  #noteOrder(series: Series, revision: number): void {
    const order = this.#order
    order.changes.push({ series, revision })
    if (order.changes.length < 2 * this.#count + compactAfter) return
    order.changes = order.changes.filter((change) => change.revision > change.series.floor)
    order.head = 0
  }

  #dropOldest(): void {
    const order = this.#order
    const oldest = order.changes[order.head]
    order.head++
    if (oldest !== undefined && oldest.revision > oldest.series.floor) this.#drop(oldest.series)
  }

  #drop(series: Series): void {
    const change = series.changes[series.head]
    if (change === undefined) return
    series.changes[series.head] = undefined
    series.head++
    series.bytes -= bytesOf(change)
    series.floor = change.revision
    this.#count--
    this.#bytes -= bytesOf(change)
    if (series.head > compactAfter && series.head * 2 > series.changes.length) {
      series.changes = series.changes.slice(series.head)
      series.head = 0
    }
    this.#onDrop(change)
  }
}

function lengthOf(series: Series): number {
  return series.changes.length - series.head
}

/** What nothing but history holds on to, and a little for the change itself. */
function bytesOf({ previous, removed }: StoreChange): number {
  return 100 + (previous?.json.byteLength ?? 0) + (removed?.json.byteLength ?? 0)
}

/** Index of the first change after `revision`. */
function firstAfter({ changes, head }: Series, revision: number): number {
  let low = head
  let high = changes.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((changes[middle]?.revision ?? 0) > revision) high = middle
    else low = middle + 1
  }
  return low
}
