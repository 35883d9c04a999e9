// SPDX-License-Identifier: Apache-2.0
// Hands terminal sizes on to whoever comes to listen; of those that came before only the last counts.
import type { TerminalSize } from '../../../provider/streams.ts'
import { TerminalSizeReader } from './terminal-sizes.ts'

/** Sizes from a connection. */
export class ResizeFeed {
  readonly #reader = new TerminalSizeReader()
  #listener: ((size: TerminalSize) => void) | undefined
  #last: TerminalSize | undefined

  /** A piece of what the client sent. */
  take(piece: string): void {
    for (const size of this.#reader.read(piece)) {
      this.#last = size
      this.#listener?.(size)
    }
  }

  /** Calls back with each size, and with the last one at once. */
  listen(listener: (size: TerminalSize) => void): void {
    this.#listener = listener
    if (this.#last !== undefined) listener(this.#last)
  }
}
