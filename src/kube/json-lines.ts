// SPDX-License-Identifier: Apache-2.0
// Newline-delimited JSON out of chunks of bytes. A line within one chunk, the usual case, is decoded
// where it lies; only what is cut by a chunk's end is copied.
import { VkError } from '../util/vk-error.ts'

const newline = 0x0a
// The largest object that etcd takes is 1.5 MiB; its JSON form with managed fields stays below this.
const maxLineBytes = 64 * 1024 * 1024

/** Turns chunks into parsed lines. */
export class JsonLines {
  #cut: Buffer[] = []
  #cutBytes = 0

  /** The lines that `chunk` completes, parsed; empty lines are skipped. */
  push(chunk: Buffer): readonly unknown[] {
    const lines: unknown[] = []
    let start = 0
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      const text = this.#line(chunk, start, end)
      start = end + 1
      if (text !== '') lines.push(parse(text))
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start))
    return lines
  }

  #line(chunk: Buffer, start: number, end: number): string {
    if (this.#cutBytes === 0) return chunk.toString('utf8', start, end)
    const bytes = Buffer.concat([...this.#cut, chunk.subarray(start, end)])
    this.#cut = []
    this.#cutBytes = 0
    return bytes.toString('utf8')
  }

  #keep(rest: Buffer): void {
    this.#cut.push(rest)
    this.#cutBytes += rest.length
    if (this.#cutBytes > maxLineBytes) {
      throw new VkError('Internal', `Cannot read a line: it is longer than ${maxLineBytes} bytes`)
    }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own message quotes the text, which may hold a Secret.
    throw new VkError('Unavailable', 'Cannot read a line: it is no JSON')
  }
}
