// SPDX-License-Identifier: Apache-2.0
// Sizes of a terminal, told to the engine one after another: of two requests that are under way at the same time
// the older may arrive last. kubectl sends two at once when it attaches.
import type { TerminalSize } from '../../../provider/streams.ts'

/** Takes sizes and sends them, the newest last; those that a newer one has overtaken are left out. */
export function sizesInOrder(
  send: (size: TerminalSize) => Promise<unknown>,
): (size: TerminalSize) => void {
  let next: TerminalSize | undefined
  let isSending = false
  const sendAll = async (): Promise<void> => {
    isSending = true
    for (let size = next; size; size = next) {
      next = undefined
      // A size that comes when the program has ended changes nothing.
      await send(size).catch(() => {})
    }
    isSending = false
  }
  return ({ width, height }) => {
    next = { width, height }
    if (!isSending) void sendAll()
  }
}
