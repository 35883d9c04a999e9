// SPDX-License-Identifier: Apache-2.0
// Full lists of the runtime's containers, one at a time. A list that has begun may lack what happened
// since, so whoever asks gets the one that begins next; all who ask meanwhile share it.

/** Runs `list` on demand, numbered from 1. */
export class ContainerLists {
  readonly #list: (epoch: number) => Promise<void>
  #epoch = 0
  #current: Promise<void> = Promise.resolve()
  #next: Promise<void> | undefined

  constructor(list: (epoch: number) => Promise<void>) {
    this.#list = list
  }

  /** Number of the newest list that has begun. */
  get epoch(): number {
    return this.#epoch
  }

  /** Resolves when a list that began after this call has been taken in. */
  refresh(): Promise<void> {
    this.#next ??= this.#runNext()
    return this.#next
  }

  async #runNext(): Promise<void> {
    await this.#current
    this.#next = undefined
    this.#epoch += 1
    const run = this.#list(this.#epoch)
    // Its failure is told to whoever asked for it.
    this.#current = run.catch(() => {})
    await run
  }
}
