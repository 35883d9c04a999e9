// SPDX-License-Identifier: Apache-2.0
// Sizes of a terminal, told to the engine one after another: of two requests that are under way at the same time
// the older may arrive last. kubectl sends two at once when it attaches, and none again: what the engine refuses
// because the program is only being started is told again.
import type { TerminalSize } from '../../../provider/streams.ts'
import type { Clock } from '../../../util/clock.ts'

const maxTries = 16
const firstWaitMs = 20
const longestWaitMs = 1000

/** Takes sizes and sends them, the newest last; those that a newer one has overtaken are left out. */
export function sizesInOrder(
  send: (size: TerminalSize) => Promise<unknown>,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): (size: TerminalSize) => void {
  let next: TerminalSize | undefined
  let isSending = false

  /** Gives up after a while: a size that comes when the program has ended changes nothing. */
  const sendOne = async (size: TerminalSize): Promise<void> => {
    for (let tries = 0; tries < maxTries; tries += 1) {
      if (next || signal.aborted) return
      try {
        await send(size)
        return
      } catch {
        const waitMs = Math.min(firstWaitMs * 2 ** tries, longestWaitMs)
        await clock.sleep(waitMs, { signal }).catch(() => {})
      }
    }
  }
  const sendAll = async (): Promise<void> => {
    isSending = true
    for (let size = next; size; size = next) {
      next = undefined
      await sendOne(size)
    }
    isSending = false
  }
  return ({ width, height }) => {
    next = { width, height }
    if (!isSending) void sendAll()
  }
}
