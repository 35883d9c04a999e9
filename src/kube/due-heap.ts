// SPDX-License-Identifier: Apache-2.0
// Keys in order of the time at which they fall due: a binary heap, so that tens of thousands of
// delayed keys need one timer and not one each.

/** A key and when it falls due. */
export interface DueKey {
  readonly key: string
  readonly dueMs: number
}

/** A min-heap by due time. The same key may lie in it several times. */
export class DueHeap {
  readonly #items: DueKey[] = []

  get size(): number {
    return this.#items.length
  }

  /** The earliest one, left where it is. */
  peek(): DueKey | undefined {
    return this.#items[0]
  }

  push(item: DueKey): void {
    const items = this.#items
    let index = items.length
    items.push(item)
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = items[parentIndex]
      if (parent === undefined || parent.dueMs <= item.dueMs) break
      items[index] = parent
      index = parentIndex
    }
    items[index] = item
  }

  /** Takes out the earliest one. */
  pop(): DueKey | undefined {
    const items = this.#items
    const first = items[0]
    const last = items.pop()
    if (last !== undefined && items.length > 0) this.#sink(last)
    return first
  }

  clear(): void {
    this.#items.length = 0
  }

  // Puts `item` at the root and lets it down to its place.
  #sink(item: DueKey): void {
    const items = this.#items
    let index = 0
    for (;;) {
      const left = items[2 * index + 1]
      if (left === undefined) break
      const right = items[2 * index + 2]
      const isRight = right !== undefined && right.dueMs < left.dueMs
      const child = isRight ? right : left
      if (child.dueMs >= item.dueMs) break
      items[index] = child
      index = 2 * index + (isRight ? 2 : 1)
    }
    items[index] = item
  }
}
