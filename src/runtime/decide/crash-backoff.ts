// SPDX-License-Identifier: Apache-2.0
// How long a container that ended waits for its next run: the first restart is immediate, then
// 10 s, 20 s, … up to a cap, counted from when it finished; a long good run starts the row anew.

/** Kept per container and image, over restarts of ours. */
export interface CrashBackoff {
  /** What the next restart waits. */
  readonly delayMs: number
  /** When the restart happened that set this step. */
  readonly updatedAtMs: number
}

export interface CrashBackoffInput {
  readonly state: CrashBackoff | undefined
  readonly finishedAtMs: number
  readonly nowMs: number
  readonly capMs?: number | undefined
}

export interface CrashBackoffVerdict {
  /** 0: restart now and keep `next`. */
  readonly waitMs: number
  /** The whole wait of this step, for the message. */
  readonly delayMs: number
  /** The state once the restart has happened now. */
  readonly next: CrashBackoff
}

const firstDelayMs = 10_000
const resetAfterMs = 600_000

/** Longest wait between two runs, and the default of the configurable cap. */
export const maxCrashBackoffMs = 300_000

/** Judges a restart of a container that finished at `finishedAtMs`. */
export function judgeRestart(input: CrashBackoffInput): CrashBackoffVerdict {
  const { state, finishedAtMs, nowMs, capMs = maxCrashBackoffMs } = input
  if (!state || finishedAtMs - state.updatedAtMs > resetAfterMs) {
    const next = { delayMs: Math.min(firstDelayMs, capMs), updatedAtMs: nowMs }
    return { waitMs: 0, delayMs: 0, next }
  }
  const delayMs = Math.min(state.delayMs, capMs)
  // An end in the future: the clock was set back since. A little is what two clocks may differ by; beyond the
  // wait itself nobody can tell how much of it has passed, and it does not last until the clock is there again.
  const waitedMs = nowMs - finishedAtMs
  const isSetBack = waitedMs < -delayMs
  return {
    waitMs: isSetBack ? 0 : Math.max(0, delayMs - Math.max(0, waitedMs)),
    delayMs,
    next: { delayMs: Math.min(delayMs * 2, capMs), updatedAtMs: nowMs },
  }
}
