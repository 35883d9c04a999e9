// SPDX-License-Identifier: Apache-2.0
// The thread that waits for the disk, so that the event loop does not. It owns the database and serves
// one commit at a time. This module is its own entry: imported, it starts threads; in a thread that it
// has started, it serves.
import { Worker, isMainThread, parentPort, workerData, type MessagePort } from 'node:worker_threads'
import type { JournalBatch } from './journal.ts'
import { type PackedRows, packRows, unpackRows } from './packed-rows.ts'
import { type RefusedReason, SqliteLog, SqliteLogRefusal, whyNotWritten } from './sqlite-log.ts'

/** What the thread is asked. */
export type SqliteRequest =
  | ({ readonly kind: 'commit'; readonly rows: PackedRows } & Omit<JournalBatch, 'rows'>)
  | { readonly kind: 'close' }

/** What it says: first the floors, then the rows, then `opened`; or `refused`. */
export type SqliteReply =
  | { readonly kind: 'floors'; readonly floors: ReadonlyMap<string, number> }
  | { readonly kind: 'rows'; readonly rows: PackedRows }
  | { readonly kind: 'opened' }
  | { readonly kind: 'refused'; readonly reason: RefusedReason; readonly message: string }
  | { readonly kind: 'committed' }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'closed' }

interface ThreadData {
  readonly sqlitePath: string
}

const rowsPerReply = 500

/** Starts a thread that opens `path` and says so. */
export function startSqliteThread(path: string): Worker {
  const data: ThreadData = { sqlitePath: path }
  return new Worker(new URL(import.meta.url), { workerData: data, execArgv: [] })
}

function serve(port: MessagePort, path: string): void {
  const reply = (message: SqliteReply): void => port.postMessage(message)
  let log: SqliteLog
  try {
    log = new SqliteLog(path)
    sendContent(log, port)
  } catch (error) {
    const reason = error instanceof SqliteLogRefusal ? error.reason : 'unreadable'
    reply({ kind: 'refused', reason, message: (error as Error).message })
    port.close()
    return
  }
  port.on('message', (request: SqliteRequest) => {
    if (request.kind === 'close') {
      log.close()
      reply({ kind: 'closed' })
      port.close()
      return
    }
    try {
      log.commit({ ...request, rows: unpackRows(request.rows) })
      reply({ kind: 'committed' })
    } catch (error) {
      reply({ kind: 'failed', message: whyNotWritten(error) })
    }
  })
  reply({ kind: 'opened' })
}

function sendContent(log: SqliteLog, port: MessagePort): void {
  port.postMessage({ kind: 'floors', floors: log.floors() } satisfies SqliteReply)
  const send = (rows: Parameters<typeof packRows>[0]): void => {
    const packed = packRows(rows)
    port.postMessage({ kind: 'rows', rows: packed } satisfies SqliteReply, [packed.bytes.buffer])
  }
  let some = []
  for (const row of log.rows()) {
    some.push(row)
    if (some.length < rowsPerReply) continue
    send(some)
    some = []
  }
  send(some)
}

const { sqlitePath } = (workerData ?? {}) as Partial<ThreadData>
if (!isMainThread && parentPort !== null && sqlitePath !== undefined) serve(parentPort, sqlitePath)
