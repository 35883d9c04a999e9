// SPDX-License-Identifier: Apache-2.0
// The objects of one namespace of one resource, listed by name. Writes only note what came and went;
// the next list merges that into the sorted rest, so that neither 10,000 creations nor lists between
// them sort everything again.
import { compareNames } from './compare-keys.ts'
import type { Stored } from './store.ts'

interface Entry {
  readonly name: string
  /** Undefined once removed. */
  stored: Stored | undefined
}

/** A map from name to object that is listed in order. */
export class SortedObjects {
  readonly #entries = new Map<string, Entry>()
  /** By name; holds removed entries, too, while `#hasGaps`. */
  #sorted: Entry[] = []
  #added: Entry[] = []
  #hasGaps = false
  #items: readonly Stored[] | undefined = []

  get size(): number {
    return this.#entries.size
  }

  get(name: string): Stored | undefined {
    return this.#entries.get(name)?.stored
  }

  /** Returns what was there before. */
  set(name: string, stored: Stored): Stored | undefined {
    this.#items = undefined
    const entry = this.#entries.get(name)
    if (entry === undefined) {
      const added = { name, stored }
      this.#entries.set(name, added)
      this.#added.push(added)
      return undefined
    }
    const previous = entry.stored
    entry.stored = stored
    return previous
  }

  /** Returns what was there before. */
  delete(name: string): Stored | undefined {
    const entry = this.#entries.get(name)
    if (entry === undefined) return undefined
    this.#entries.delete(name)
    this.#items = undefined
    this.#hasGaps = true
    const previous = entry.stored
    entry.stored = undefined
    return previous
  }

  /** All objects by name; the same array until the next write. */
  list(): readonly Stored[] {
    if (this.#items !== undefined) return this.#items
    this.#settle()
    this.#items = this.#sorted.map(({ stored }) => stored as Stored)
    return this.#items
  }

  #settle(): void {
    const isThere = ({ stored }: Entry): boolean => stored !== undefined
    if (this.#hasGaps) {
      this.#sorted = this.#sorted.filter(isThere)
      this.#added = this.#added.filter(isThere)
      this.#hasGaps = false
    }
    if (this.#added.length === 0) return
    this.#added.sort(byName)
    this.#sorted = merge(this.#sorted, this.#added)
    this.#added = []
  }
}

function byName(left: Entry, right: Entry): number {
  return compareNames(left.name, right.name)
}

function merge(old: Entry[], added: readonly Entry[]): Entry[] {
  const last = old.at(-1)
  const first = added[0]
  if (last === undefined || first === undefined || byName(last, first) < 0) {
    for (const entry of added) old.push(entry)
    return old
  }
  const merged: Entry[] = []
  let next = 0
  for (const entry of old) {
    for (let other = added[next]; other !== undefined; other = added[next]) {
      if (byName(entry, other) < 0) break
      merged.push(other)
      next++
    }
    merged.push(entry)
  }
  for (; next < added.length; next++) merged.push(added[next] as Entry)
  return merged
}
