// SPDX-License-Identifier: Apache-2.0
// The first bytes of what a command says; the rest is dropped, so that nobody waits to write it.

/** Keeps the beginning, and finds a mark that is put at the end. */
export class OutputHead {
  readonly #maxBytes: number
  readonly #mark: string | undefined
  readonly #chunks: Buffer[] = []
  readonly #marked = Promise.withResolvers<void>()
  #length = 0
  #tail = ''

  constructor(maxBytes: number, mark?: string) {
    this.#maxBytes = maxBytes
    this.#mark = mark
  }

  /** Resolves when the mark has come. */
  get marked(): Promise<void> {
    return this.#marked.promise
  }

  /** Without the mark. */
  get text(): string {
    const text = Buffer.concat(this.#chunks).toString('utf8')
    const end = this.#mark === undefined ? -1 : text.indexOf(this.#mark.slice(0, 8))
    return end === -1 ? text : text.slice(0, end)
  }

  add(chunk: Buffer): void {
    const kept = chunk.subarray(0, this.#maxBytes - this.#length)
    if (kept.length > 0) this.#chunks.push(kept)
    this.#length += kept.length
    if (this.#mark === undefined) return
    this.#tail = (this.#tail + chunk.toString('latin1')).slice(-2 * this.#mark.length)
    if (this.#tail.includes(this.#mark)) this.#marked.resolve()
  }
}
