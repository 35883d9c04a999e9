// SPDX-License-Identifier: Apache-2.0
// A set of fields of an object, as managedFields record who owns what. A path is a list of elements in
// the notation of FieldsV1: `f:name` for a field or key, `k:{"name":"a"}` for the element of a list
// that has keys, `v:"x"` for the element of a set. A set may have a path with or without what is above.
import { isObject, type JsonObject, setField } from '../schema/json-object.ts'

export type FieldPath = readonly string[]

interface FieldNode {
  isMember: boolean
  readonly children: FieldSet
}

export class FieldSet {
  readonly #nodes = new Map<string, FieldNode>()

  /** Reads FieldsV1; anything in it that is no set is taken as empty. */
  static decode(fields: unknown): FieldSet {
    const set = new FieldSet()
    if (!isObject(fields)) return set
    for (const [element, below] of Object.entries(fields)) {
      if (element === '.' || !isObject(below)) continue
      const isMember = Object.keys(below).length === 0 || Object.hasOwn(below, '.')
      set.#put(element, isMember, FieldSet.decode(below))
    }
    return set
  }

  get isEmpty(): boolean {
    return this.#nodes.size === 0
  }

  insert(path: FieldPath, depth = 0): void {
    const element = path[depth]
    if (element === undefined) return
    const node = this.#node(element)
    if (depth === path.length - 1) node.isMember = true
    else node.children.insert(path, depth + 1)
  }

  hasElement(element: string): boolean {
    return this.#nodes.get(element)?.isMember ?? false
  }

  has(path: FieldPath): boolean {
    const [element, ...rest] = path
    if (element === undefined) return false
    const node = this.#nodes.get(element)
    return rest.length === 0 ? (node?.isMember ?? false) : (node?.children.has(rest) ?? false)
  }

  /** What the set has below an element; empty when nothing. */
  below(element: string): FieldSet {
    return this.#nodes.get(element)?.children ?? emptySet
  }

  /** All paths: those of an object's own fields in order, then those below each. */
  paths(above: FieldPath = []): readonly FieldPath[] {
    const nodes = [...this.#nodes].sort(([a], [b]) => (a < b ? -1 : 1))
    const own = nodes.filter(([, node]) => node.isMember).map(([element]) => [...above, element])
    return [...own, ...nodes.flatMap(([element, node]) => node.children.paths([...above, element]))]
  }

  union(other: FieldSet): FieldSet {
    return this.#combine(
      other,
      [...other.#nodes.keys()],
      (a, b) => a || b,
      (a, b) => a.union(b),
    )
  }

  intersection(other: FieldSet): FieldSet {
    return this.#combine(
      other,
      [],
      (a, b) => a && b,
      (a, b) => a.intersection(b),
    )
  }

  /** Only the very paths go; what is below a path of `other` stays. */
  difference(other: FieldSet): FieldSet {
    return this.#combine(
      other,
      [],
      (a, b) => a && !b,
      (a, b) => a.difference(b),
    )
  }

  /** Without the paths of `other` and all that is below them. */
  without(other: FieldSet): FieldSet {
    const result = new FieldSet()
    for (const [element, node] of this.#nodes) {
      if (other.hasElement(element)) continue
      result.#put(element, node.isMember, node.children.without(other.below(element)))
    }
    return result
  }

  /** Adds elements that have something below them and that `isNamed` accepts, all the way down. */
  withNamed<T>(scope: T, step: (scope: T, element: string) => FieldStep<T>): FieldSet {
    const result = new FieldSet()
    for (const [element, node] of this.#nodes) {
      const { isNamed, scope: next } = step(scope, element)
      const isParent = !node.children.isEmpty
      const children = node.children.withNamed(next, step)
      result.#put(element, node.isMember || (isNamed && isParent), children)
    }
    return result
  }

  /** FieldsV1. */
  encode(): JsonObject {
    const fields = {}
    for (const [element, node] of [...this.#nodes].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const below = node.children.encode()
      const needsMark = node.isMember && !node.children.isEmpty
      setField(fields, element, needsMark ? { '.': {}, ...below } : below)
    }
    return fields
  }

  #combine(
    other: FieldSet,
    more: readonly string[],
    isMember: (a: boolean, b: boolean) => boolean,
    children: (a: FieldSet, b: FieldSet) => FieldSet,
  ): FieldSet {
    const result = new FieldSet()
    for (const element of new Set([...this.#nodes.keys(), ...more])) {
      const keep = isMember(this.hasElement(element), other.hasElement(element))
      result.#put(element, keep, children(this.below(element), other.below(element)))
    }
    return result
  }

  #node(element: string): FieldNode {
    const found = this.#nodes.get(element)
    if (found) return found
    const made = { isMember: false, children: new FieldSet() }
    this.#nodes.set(element, made)
    return made
  }

  #put(element: string, isMember: boolean, children: FieldSet): void {
    if (isMember || !children.isEmpty) this.#nodes.set(element, { isMember, children })
  }
}

/** How a walk through a type goes on at one element. */
export interface FieldStep<T> {
  readonly isNamed: boolean
  readonly scope: T
}

const emptySet = new FieldSet()

/** As conflicts name a path: `.spec.containers[name="a"].image`. */
export function pathText(path: FieldPath): string {
  return path.map(elementText).join('')
}

function elementText(element: string): string {
  const text = element.slice(2)
  if (element.startsWith('f:')) return `.${text}`
  if (element.startsWith('v:')) return `[=${text}]`
  const keys = Object.entries(JSON.parse(text) as JsonObject)
  return `[${keys.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}]`
}
