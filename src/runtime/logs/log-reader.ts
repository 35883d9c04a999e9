// SPDX-License-Identifier: Apache-2.0
// Reads a container run's log as a feed: index and output files together, from where the query's hints
// say, in batches of bounded size that are only made when the last was taken.
import type { LogBatch, LogQuery } from '../../provider/log-feed.ts'
import { findStart } from './find-start.ts'
import { LogCursor } from './log-cursor.ts'
import type { LogTailer } from './log-tailer.ts'
import { StoredBatch } from './stored-batch.ts'
import { StreamReader } from './stream-reader.ts'

/** The log's entries; `follow` goes on until the run has ended or the signal aborts. */
export async function* readLog(
  tailer: LogTailer,
  { query, signal }: { readonly query: LogQuery; readonly signal: AbortSignal },
): AsyncGenerator<LogBatch, void, void> {
  await using stdout = new StreamReader(tailer.stdoutPath)
  await using stderr = new StreamReader(tailer.stderrPath)
  const streams = { stdout, stderr }
  tailer.catchUp()
  const { index } = tailer
  const end = index.count
  const position = await findStart(index, { query, streams, end })
  const cursor = new LogCursor(tailer, { streams, position, at: await index.before(position) })
  for (let chunks; !signal.aborted && (chunks = await cursor.next(end));) {
    yield new StoredBatch(chunks, { isLive: false })
  }
  if (!query.follow || signal.aborted) return
  yield { entries: [], isLive: true }
  yield* followLog(tailer, { cursor, signal })
}

async function* followLog(
  tailer: LogTailer,
  { cursor, signal }: { readonly cursor: LogCursor; readonly signal: AbortSignal },
): AsyncGenerator<LogBatch, void, void> {
  while (!signal.aborted) {
    const chunks = await cursor.next(tailer.index.count)
    if (chunks) yield new StoredBatch(chunks, { isLive: true })
    // Nothing is awaited between this look and the wait: no mark is missed.
    else if (!cursor.isAt(tailer.index.count)) continue
    else if (tailer.isFinished) return
    else await tailer.whenChanged(signal)
  }
}
