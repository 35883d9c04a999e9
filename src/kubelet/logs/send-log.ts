// SPDX-License-Identifier: Apache-2.0
// Sends a log no faster than its reader takes it. The head of the answer goes out with the log's first
// sign of life, or soon in any case when it is followed; until then a failure still gets a status.
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Clock } from '../../util/clock.ts'
import { untilAborted } from '../../util/until-aborted.ts'

export interface SendLogOptions {
  readonly signal: AbortSignal
  readonly clock: Clock
  /** Sends the head after so long even if the log has not answered; without it, waits for the log. */
  readonly headWithinMs?: number
  /** How long a reader may take nothing at all; default 4 h. */
  readonly stallTimeoutMs?: number
}

/** What waits while the socket writes; the more, the fewer and larger are the writes. */
const maxWaitingBytes = 128 * 1024

const defaultStallTimeoutMs = 4 * 60 * 60_000

/** Resolves when all was sent; rejects when the log fails, and with the signal's reason. */
export async function sendLog(
  response: ServerResponse,
  pieces: AsyncIterable<Uint8Array>,
  options: SendLogOptions,
): Promise<void> {
  const { clock, headWithinMs, signal } = options
  const sendHead = () => {
    if (!response.headersSent) response.flushHeaders()
  }
  response.setHeader('content-type', 'text/plain; charset=utf-8')
  response.setHeader('x-content-type-options', 'nosniff')
  response.setHeader('cache-control', 'no-store')
  using _timer = headWithinMs === undefined ? undefined : clock.setTimer(headWithinMs, sendHead)
  const iterator = pieces[Symbol.asyncIterator]()
  try {
    for (;;) {
      const next = await untilAborted(iterator.next(), signal)
      sendHead()
      if (next.done) break
      if (next.value.length > 0) response.write(next.value)
      if (response.writableNeedDrain && response.writableLength > maxWaitingBytes) {
        await drained(response, options)
      }
    }
  } finally {
    // Not awaited: a log that does not answer cannot hold up the end of its request.
    void Promise.resolve(iterator.return?.()).catch(() => {
      // Whatever ended the log was thrown to us already, or nobody is left to hear it.
    })
  }
  response.end()
}

async function drained(response: ServerResponse, options: SendLogOptions): Promise<void> {
  const { clock, signal, stallTimeoutMs = defaultStallTimeoutMs } = options
  using _timer = clock.setTimer(stallTimeoutMs, () => response.destroy())
  await once(response, 'drain', { signal })
}
