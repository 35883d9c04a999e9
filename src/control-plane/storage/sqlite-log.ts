// SPDX-License-Identifier: Apache-2.0
// The journal as an SQLite database. One table holds the changes, one where each resource's history
// begins. Write-ahead log with synchronous=FULL: one fsync a transaction, and a transaction that was cut
// off by a crash is not there afterwards. The file is locked as long as it is open. It never shrinks:
// what expired leaves pages that later writes take.
import { closeSync, openSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { JournalBatch, JournalRow } from './journal.ts'

/** Why a file cannot be opened; the caller makes a message of it. */
export type RefusedReason = 'locked' | 'foreign' | 'version' | 'unreadable'

export class SqliteLogRefusal extends Error {
  readonly reason: RefusedReason

  constructor(reason: RefusedReason, message: string, options: ErrorOptions = {}) {
    super(message, options)
    this.name = 'SqliteLogRefusal'
    this.reason = reason
  }
}

// "vkcp" in the header of the file, so that no other program's database is taken for ours.
const applicationId = 0x76_6b_63_70
const schemaVersion = 1

const busy = 5
const full = 13
const notDatabase = 26

// Nothing here changes a file that turns out to be another program's.
const settingsBefore = `
  PRAGMA page_size = 8192;
  PRAGMA locking_mode = EXCLUSIVE;`

const settingsAfter = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA fullfsync = ON;
  PRAGMA journal_size_limit = 67108864;`

const schema = `
  CREATE TABLE change (
    revision INTEGER PRIMARY KEY,
    resource TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    is_removal INTEGER NOT NULL,
    json BLOB NOT NULL
  ) STRICT;
  CREATE TABLE history_floor (resource TEXT PRIMARY KEY, revision INTEGER NOT NULL) STRICT;
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${schemaVersion};`

/** An open log; every call blocks its thread until the disk has answered. */
export class SqliteLog {
  readonly #database: DatabaseSync
  readonly #insert: StatementSync
  readonly #expire: StatementSync
  readonly #raiseFloor: StatementSync

  /** Opens or creates the file. Throws SqliteLogRefusal. */
  constructor(path: string) {
    this.#database = openDatabase(path)
    this.#insert = this.#database.prepare('INSERT OR REPLACE INTO change VALUES (?, ?, ?, ?, ?, ?)')
    this.#expire = this.#database.prepare('DELETE FROM change WHERE revision = ?')
    this.#raiseFloor = this.#database.prepare('INSERT OR REPLACE INTO history_floor VALUES (?, ?)')
  }

  floors(): Map<string, number> {
    const rows = this.#database.prepare('SELECT resource, revision FROM history_floor').all()
    return new Map(rows.map((row) => [row['resource'] as string, row['revision'] as number]))
  }

  /** All rows in order of their revisions. */
  *rows(): Iterable<JournalRow> {
    const all = this.#database.prepare('SELECT * FROM change ORDER BY revision')
    for (const row of all.iterate()) {
      yield {
        key: {
          resource: row['resource'] as string,
          namespace: row['namespace'] as string,
          name: row['name'] as string,
        },
        revision: row['revision'] as number,
        isRemoval: row['is_removal'] === 1,
        json: row['json'] as Uint8Array,
      }
    }
  }

  /** One transaction; throws when it did not happen, and may be tried again then. */
  commit({ rows, expired, floors }: JournalBatch): void {
    try {
      this.#database.exec('BEGIN IMMEDIATE')
      for (const { key, revision, isRemoval, json } of rows) {
        const { resource, namespace, name } = key
        this.#insert.run(revision, resource, namespace, name, isRemoval ? 1 : 0, json)
      }
      for (const revision of expired) this.#expire.run(revision)
      for (const [resource, revision] of floors) this.#raiseFloor.run(resource, revision)
      this.#database.exec('COMMIT')
    } catch (error) {
      // Some errors have ended the transaction already.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }

  close(): void {
    this.#database.close()
  }
}

/** Why a commit did not happen. */
export function whyNotWritten(error: unknown): string {
  return kindOf(error) === full ? 'the disk is full' : (error as Error).message
}

function openDatabase(path: string): DatabaseSync {
  let database: DatabaseSync | undefined
  try {
    // Secrets lie in it; the write-ahead log takes over the mode.
    closeSync(openSync(path, 'a', 0o600))
    database = new DatabaseSync(path)
    database.exec(settingsBefore)
    // Takes the lock, which then stays.
    database.exec('BEGIN EXCLUSIVE')
    prepareSchema(database)
    database.exec('COMMIT')
    database.exec(settingsAfter)
    return database
  } catch (error) {
    database?.close()
    throw refusalOf(error)
  }
}

function prepareSchema(database: DatabaseSync): void {
  const pragma = (name: string): unknown => database.prepare(`PRAGMA ${name}`).get()?.[name]
  const id = pragma('application_id')
  const version = pragma('user_version')
  const isEmpty = database.prepare('SELECT 1 FROM sqlite_schema').get() === undefined
  if (isEmpty && id === 0 && version === 0) {
    database.exec(schema)
  } else if (id !== applicationId) {
    throw new SqliteLogRefusal('foreign', 'it is the database of another program')
  } else if (version !== schemaVersion) {
    const message = `it has version ${String(version)}, and this program knows ${schemaVersion}`
    throw new SqliteLogRefusal('version', message)
  }
}

function refusalOf(error: unknown): SqliteLogRefusal {
  if (error instanceof SqliteLogRefusal) return error
  switch (kindOf(error)) {
    case busy:
      return new SqliteLogRefusal('locked', 'another process uses it', { cause: error })
    case notDatabase:
      return new SqliteLogRefusal('foreign', 'it is no database', { cause: error })
    default:
      return new SqliteLogRefusal('unreadable', (error as Error).message, { cause: error })
  }
}

/** The low byte of an error's code is its kind, the rest says more of it. */
function kindOf(error: unknown): number {
  const { errcode = 0 } = error as { readonly errcode?: number }
  return errcode & 0xff
}
