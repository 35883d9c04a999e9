// SPDX-License-Identifier: Apache-2.0
// First in, first out, without the linear cost that Array.shift() has for long arrays.

/** A queue of values. */
export class Fifo<T> {
  #items: T[] = []
  #head = 0

  get size(): number {
    return this.#items.length - this.#head
  }

  push(item: T): void {
    this.#items.push(item)
  }

  /** Takes out the oldest; undefined when empty. */
  shift(): T | undefined {
    if (this.size === 0) return undefined
    const item = this.#items[this.#head++]
    // Halving at the earliest keeps the cost of moving the rest constant per item.
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    } else if (this.size === 0) {
      this.clear()
    }
    return item
  }

  clear(): void {
    this.#items = []
    this.#head = 0
  }
}
