// SPDX-License-Identifier: Apache-2.0
// A container's log as its reader wants it. Of the stored entries the last `tailLines` are chosen
// first; what is live goes straight on. Memory is bounded whatever the log's size: a tail too large to
// keep is found by counting, and the log is then read again.
import type { LogBatch } from '../../provider/log-feed.ts'
import { LogWriter } from './log-writer.ts'
import type { LogWriterOptions } from './log-writer.ts'
import { TailRing } from './tail-ring.ts'

export interface ReadLogOptions extends LogWriterOptions {
  readonly follow: boolean
  readonly tailLines?: number
  /** Most that a tail may hold in memory; default 4 MiB. */
  readonly maxTailBytes?: number
}

/** Opens the log from its beginning; without `follow` it must end with what is stored. */
export type OpenLog = (options: { readonly follow: boolean }) => AsyncIterable<LogBatch>

const defaultMaxTailBytes = 4 * 1024 * 1024
const nothing = new Uint8Array(0)

/**
 * The bytes to send. An empty piece comes as soon as the log answered at all, so that a caller who
 * follows a silent container learns that it is there.
 */
export async function* readLog(open: OpenLog, options: ReadLogOptions): AsyncGenerator<Uint8Array> {
  const { follow, maxTailBytes = defaultMaxTailBytes, tailLines } = options
  const writer = new LogWriter(options)
  if (tailLines === undefined) {
    yield* writeAfter(open({ follow }), { skip: 0, writer })
    return
  }
  if (tailLines === 0 && !follow) return
  const ring = new TailRing({ limit: tailLines, maxBytes: maxTailBytes })
  for await (const batch of open({ follow })) {
    yield nothing
    if (!batch.isLive) {
      for (const entry of batch.entries) ring.push(entry)
      continue
    }
    // Live entries that a second reading will find are left to it.
    if (ring.hasOverflowed) break
    yield* writer.write(ring.take())
    yield* writer.writeBatch(batch)
    if (writer.isFull) return
  }
  if (ring.hasOverflowed) yield* writeAfter(open({ follow }), { skip: ring.skipped, writer })
  else yield* writer.write(ring.take())
}

async function* writeAfter(
  batches: AsyncIterable<LogBatch>,
  options: { readonly skip: number; readonly writer: LogWriter },
): AsyncGenerator<Uint8Array> {
  const { writer } = options
  let { skip } = options
  for await (const batch of batches) {
    yield nothing
    if (skip === 0) yield* writer.writeBatch(batch)
    else {
      yield* writer.write(batch.entries.slice(skip))
      skip = Math.max(0, skip - batch.entries.length)
    }
    if (writer.isFull) return
  }
}
