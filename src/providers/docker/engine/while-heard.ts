// SPDX-License-Identifier: Apache-2.0
// Reads a stream whose other side should always have something to say: an engine that stalls in the middle of an
// answer must fail whoever waits for it. Only waiting counts, not what the reader does in between.
import type { Readable } from 'node:stream'
import type { Clock } from '../../../util/clock.ts'
import { withDeadline } from '../../../util/deadline.ts'

export interface HearingOptions {
  readonly clock: Clock
  readonly maxSilenceMs: number
  /** Message of the Timeout error. */
  readonly message: string
}

/** The stream's pieces; rejects as it does, or when nothing comes for so long. Leaves no stream open. */
export async function* whileHeard(
  stream: Readable,
  { clock, maxSilenceMs, message }: HearingOptions,
): AsyncGenerator<Buffer, void, void> {
  const pieces = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer, void>
  const next = (): Promise<IteratorResult<Buffer, void>> => pieces.next()
  try {
    for (;;) {
      const { done, value } = await withDeadline(next, { clock, timeoutMs: maxSilenceMs, message })
      if (done === true) return
      yield value
    }
  } finally {
    stream.destroy()
  }
}
