// SPDX-License-Identifier: Apache-2.0
// Work that is done now and then, whatever happens.
import { runLoop } from '../../../util/run-loop.ts'
import type { ControllerContext } from '../cluster-api.ts'

export interface PeriodicOptions {
  /** Names the loop in logs. */
  readonly name: string
  readonly periodMs: number
}

/** Calls `work` at once and then `periodMs` after each time it ended, also when it fails. */
export function startPeriodic(
  { clock, log }: ControllerContext,
  { name, periodMs }: PeriodicOptions,
  work: () => Promise<void>,
): AsyncDisposable {
  const abort = new AbortController()
  const { signal } = abort
  const body = async (): Promise<void> => {
    await work()
    await clock.sleep(periodMs, { signal })
  }
  const running = runLoop(name, body, { signal, log, clock, pauseAfterErrorMs: periodMs })
  return {
    async [Symbol.asyncDispose]() {
      abort.abort()
      await running
    },
  }
}
