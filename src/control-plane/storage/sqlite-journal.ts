// SPDX-License-Identifier: Apache-2.0
// The journal in an SQLite file, seen from the event loop: requests to the thread that owns the file.
import type { Worker } from 'node:worker_threads'
import { UserError, VkError, messageOf } from '../../util/vk-error.ts'
import type { Journal, JournalBatch, JournalRow } from './journal.ts'
import { type PackedRows, packRows, unpackRows } from './packed-rows.ts'
import type { RefusedReason } from './sqlite-log.ts'
import { type SqliteReply, type SqliteRequest, startSqliteThread } from './sqlite-thread.ts'

/** Takes what the file holds: first where history begins, then the rows in order. */
export interface JournalReader {
  floors(floors: ReadonlyMap<string, number>): void
  row(row: JournalRow): void
}

/** Opens or creates the file and reads it. Throws a UserError when it cannot be used. */
export async function openSqliteJournal(path: string, reader: JournalReader): Promise<Journal> {
  const journal = new SqliteJournal(path)
  try {
    await journal.read(reader)
    return journal
  } catch (error) {
    await journal.abandon()
    throw error
  }
}

class SqliteJournal implements Journal {
  readonly #path: string
  readonly #worker: Worker
  /** Whoever waits for a reply; the thread does one thing at a time. */
  #waiting: PromiseWithResolvers<SqliteReply> | undefined
  #replies: SqliteReply[] = []
  #death: Error | undefined

  constructor(path: string) {
    this.#path = path
    this.#worker = startSqliteThread(path)
    this.#worker.on('message', (reply: SqliteReply) => this.#hear(reply))
    this.#worker.on('error', (error) => this.#die(error))
    this.#worker.on('exit', () => this.#die(new Error('the thread of the database has ended')))
  }

  async read(reader: JournalReader): Promise<void> {
    for (;;) {
      const reply = await this.#nextReply()
      if (reply.kind === 'floors') reader.floors(reply.floors)
      else if (reply.kind === 'rows') readRows(reply.rows, { reader, path: this.#path })
      else if (reply.kind === 'refused') throw refusal(this.#path, reply)
      else break
    }
    // An open store keeps no process alive; a commit that is under way does.
    this.#worker.unref()
  }

  /** Ends the thread without asking it. */
  async abandon(): Promise<void> {
    await this.#worker.terminate()
  }

  async commit(batch: JournalBatch): Promise<void> {
    const rows = packRows(batch.rows)
    const reply = await this.#ask({ ...batch, kind: 'commit', rows }, [rows.bytes.buffer])
    if (reply.kind === 'failed') throw new VkError('Unavailable', reply.message)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#death !== undefined) return
    await this.#ask({ kind: 'close' }, [])
    await this.#worker.terminate()
  }

  async #ask(request: SqliteRequest, transfer: readonly ArrayBuffer[]): Promise<SqliteReply> {
    if (this.#death !== undefined) throw this.#death
    this.#worker.ref()
    try {
      this.#worker.postMessage(request, transfer)
      return await this.#nextReply()
    } finally {
      this.#worker.unref()
    }
  }

  async #nextReply(): Promise<SqliteReply> {
    const reply = this.#replies.shift()
    if (reply !== undefined) return reply
    if (this.#death !== undefined) throw this.#death
    this.#waiting = Promise.withResolvers()
    return await this.#waiting.promise
  }

  #hear(reply: SqliteReply): void {
    if (this.#waiting === undefined) this.#replies.push(reply)
    else this.#waiting.resolve(reply)
    this.#waiting = undefined
  }

  #die(cause: Error): void {
    this.#death ??= new VkError('Unavailable', `${messageOf(cause)}; restart this process`, {
      cause,
    })
    this.#waiting?.reject(this.#death)
    this.#waiting = undefined
  }
}

function readRows(
  rows: PackedRows,
  { reader, path }: { readonly reader: JournalReader; readonly path: string },
): void {
  for (const row of unpackRows(rows)) {
    try {
      reader.row(row)
    } catch (cause) {
      const message = `revision ${row.revision} is damaged: ${messageOf(cause)}`
      throw new UserError(`Cannot open storage "${path}": ${message}`, { hint: restoreHint, cause })
    }
  }
}

const restoreHint = 'Put back a copy of the file, or begin with an empty data directory.'

function refusal(
  path: string,
  { reason, message }: { readonly reason: RefusedReason; readonly message: string },
): UserError {
  return new UserError(`Cannot open storage "${path}": ${message}`, { hint: hints[reason] })
}

const hints: Readonly<Record<RefusedReason, string>> = {
  locked: 'Stop that process, or give this one a data directory of its own.',
  foreign: 'Choose another path; this file is left as it is.',
  version: 'Use the version of this program that wrote it, or begin with an empty data directory.',
  unreadable: 'Check that the folder can be written to and the disk is healthy.',
}
