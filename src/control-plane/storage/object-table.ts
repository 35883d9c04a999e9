// SPDX-License-Identifier: Apache-2.0
// All objects of one resource, by namespace; lists come in the order of `compareKeys`.
import { compareNamespaces } from './compare-keys.ts'
import { SortedObjects } from './sorted-objects.ts'
import type { Stored } from './store.ts'

/** The objects of a resource; namespace is '' for a cluster-wide one. */
export class ObjectTable {
  readonly #namespaces = new Map<string, SortedObjects>()
  #names: readonly string[] | undefined
  #items: readonly Stored[] | undefined
  #count = 0

  get count(): number {
    return this.#count
  }

  get(namespace: string, name: string): Stored | undefined {
    return this.#namespaces.get(namespace)?.get(name)
  }

  /** Returns what was there before. */
  set(namespace: string, name: string, stored: Stored): Stored | undefined {
    let objects = this.#namespaces.get(namespace)
    if (objects === undefined) {
      objects = new SortedObjects()
      this.#namespaces.set(namespace, objects)
      this.#names = undefined
    }
    const previous = objects.set(name, stored)
    if (previous === undefined) this.#count++
    this.#items = undefined
    return previous
  }

  /** Returns what was there before. */
  delete(namespace: string, name: string): Stored | undefined {
    const objects = this.#namespaces.get(namespace)
    const previous = objects?.delete(name)
    if (objects === undefined || previous === undefined) return undefined
    this.#count--
    this.#items = undefined
    if (objects.size === 0) {
      this.#namespaces.delete(namespace)
      this.#names = undefined
    }
    return previous
  }

  /** Objects of one namespace, or all; the same array until the next write. */
  list(namespace?: string): readonly Stored[] {
    if (namespace !== undefined) return this.#namespaces.get(namespace)?.list() ?? []
    this.#items ??= this.#listAll()
    return this.#items
  }

  #listAll(): readonly Stored[] {
    this.#names ??= [...this.#namespaces.keys()].sort(compareNamespaces)
    const [only, ...others] = this.#names
    if (only === undefined) return []
    if (others.length === 0) return this.list(only)
    return this.#names.flatMap((name) => this.list(name))
  }
}
