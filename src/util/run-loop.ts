// SPDX-License-Identifier: Apache-2.0
// The one way to run a background loop: it survives what its body throws, says so, and ends with its
// signal. A loop that died silently is the kind of fault that shows up days later.
import type { Clock } from './clock.ts'
import type { Logger } from './logger.ts'
import { messageOf } from './vk-error.ts'

export interface LoopContext {
  readonly signal: AbortSignal
  readonly log: Logger
  readonly clock: Clock
  /** Pause after a failure; default 1 s. */
  readonly pauseAfterErrorMs?: number
}

/** Calls `body` again and again until the signal aborts. The body itself waits for its next turn. */
export async function runLoop(
  name: string,
  body: () => Promise<void>,
  context: LoopContext,
): Promise<void> {
  const { signal, log, clock, pauseAfterErrorMs = 1000 } = context
  while (!signal.aborted) {
    try {
      await body()
    } catch (error) {
      if (signal.aborted) return
      log.error({ loop: name, error: messageOf(error) }, 'Background loop failed and goes on')
      await clock.sleep(pauseAfterErrorMs, { signal }).catch(() => {
        // Only the abort ends a sleep early; the loop's condition sees it.
      })
    }
  }
}
