// SPDX-License-Identifier: Apache-2.0
// Sizes of a terminal, told to the engine one after another: of two requests that are under way at the same time
// the older may arrive last. kubectl sends two at once when it attaches, and none again: what the engine refuses
// because the program is only being started is told again, and so is a size that came shortly after another:
// Podman's monitor (conmon 2.1) drops the second of two that it reads at once.
import type { TerminalSize } from '../../../provider/streams.ts'
import type { Clock } from '../../../util/clock.ts'

const maxTries = 16
const firstWaitMs = 20
const longestWaitMs = 1000
const repeatAfterMs = [100, 1000]

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
  const repeat = async (size: TerminalSize): Promise<void> => {
    for (const waitMs of repeatAfterMs) {
      await clock.sleep(waitMs, { signal }).catch(() => {})
      if (!next) await sendOne(size)
    }
  }
  const sendAll = async (): Promise<void> => {
    isSending = true
    let isFirst = true
    for (let size = next; size; size = next) {
      next = undefined
      await sendOne(size)
      if (!next && !isFirst) await repeat(size)
      isFirst = false
    }
    isSending = false
  }
  return ({ width, height }) => {
    next = { width, height }
    if (!isSending) void sendAll()
  }
}
