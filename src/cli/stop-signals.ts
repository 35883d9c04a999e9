// SPDX-License-Identifier: Apache-2.0
// SIGTERM and SIGINT: the first asks the process to leave in order, by an abort signal; the second ends it
// where it stands, which it survives like a kill -9.
import type { Logger } from '../util/logger.ts'
import { onDistinctSignal } from './distinct-signals.ts'

export interface StopSignals extends Disposable {
  /** Aborts at the first signal. */
  readonly signal: AbortSignal
}

/** Listens until disposed. */
export function stopSignals(log: Logger): StopSignals {
  const first = new AbortController()
  const onSignal = (name: NodeJS.Signals): void => {
    if (!first.signal.aborted) {
      log.info({ signal: name }, 'Stopping; a second signal stops without waiting')
      first.abort(new DOMException(`Stopped by ${name}`, 'AbortError'))
    } else {
      log.warn({ signal: name }, 'Stopped without waiting')
      process.exit(1)
    }
  }
  const listening = onDistinctSignal(['SIGTERM', 'SIGINT'], onSignal)
  return { signal: first.signal, [Symbol.dispose]: () => listening[Symbol.dispose]() }
}
