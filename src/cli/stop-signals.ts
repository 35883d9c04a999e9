// SPDX-License-Identifier: Apache-2.0
// SIGTERM and SIGINT as abort signals: the first asks the process to leave in order, the second tells
// it to stop waiting.
import type { Logger } from '../util/logger.ts'

export interface StopSignals extends Disposable {
  /** Aborts at the first signal. */
  readonly signal: AbortSignal
  /** Aborts at the second. */
  readonly forced: AbortSignal
}

/** Listens until disposed. */
export function stopSignals(log: Logger): StopSignals {
  const first = new AbortController()
  const second = new AbortController()
  const onSignal = (name: NodeJS.Signals): void => {
    if (!first.signal.aborted) {
      log.info({ signal: name }, 'Stopping; a second signal stops without waiting')
      first.abort(new DOMException(`Stopped by ${name}`, 'AbortError'))
    } else {
      second.abort(new DOMException(`Stopped again by ${name}`, 'AbortError'))
    }
  }
  const names = ['SIGTERM', 'SIGINT'] as const
  for (const name of names) process.on(name, onSignal)
  return {
    signal: first.signal,
    forced: second.signal,
    [Symbol.dispose]: () => {
      for (const name of names) process.off(name, onSignal)
    },
  }
}
