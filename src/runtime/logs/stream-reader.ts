// SPDX-License-Identifier: Apache-2.0
// Sequential reading of one output file by ranges, with read-ahead. A block is never reused: what was
// handed out stays valid, and goes when nobody holds it any more.
import { open, type FileHandle } from 'node:fs/promises'
import { noteForeignMemory } from '../../util/foreign-memory.ts'

const readAheadBytes = 512 * 1024

/** Reads ranges of one file, in ascending order for speed. */
export class StreamReader implements AsyncDisposable {
  readonly #path: string
  #file: FileHandle | undefined
  #block: Buffer = Buffer.alloc(0)
  #blockAt = 0

  constructor(path: string) {
    this.#path = path
  }

  /** Bytes from `from` to `to`, fewer where the file ends; `until`: worth reading ahead to there. */
  async read(from: number, to: number, until: number = to): Promise<Buffer> {
    if (from < this.#blockAt || to > this.#blockAt + this.#block.length) {
      const end = Math.max(to, Math.min(until, from + readAheadBytes))
      this.#block = await this.#readFile(from, end)
      this.#blockAt = from
    }
    return this.#block.subarray(from - this.#blockAt, to - this.#blockAt)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file?.close()
  }

  async #readFile(from: number, to: number): Promise<Buffer> {
    this.#file ??= await open(this.#path, 'r')
    const block = Buffer.allocUnsafeSlow(to - from)
    noteForeignMemory(block.length)
    let size = 0
    while (size < block.length) {
      const { bytesRead } = await this.#file.read(block, size, block.length - size, from + size)
      if (bytesRead === 0) break
      size += bytesRead
    }
    return block.subarray(0, size)
  }
}
