// SPDX-License-Identifier: Apache-2.0
// What only the durable store has: its file, who may open it, and what a crash leaves of it.
import assert from 'node:assert/strict'
import { copyFile, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { Worker } from 'node:worker_threads'
import * as fc from 'fast-check'
import { keyOf, objectFor, temporaryFolder } from '../../../test/support/store-objects.ts'
import { UserError } from '../../util/vk-error.ts'
import { SqliteLog } from './sqlite-log.ts'
import { openSqliteStore } from './sqlite-store.ts'
import type { Store } from './store.ts'

async function putText(store: Store, name: string, text: string): Promise<number> {
  const { revision } = store.put(keyOf(name), objectFor(keyOf(name), text))
  await store.durable()
  return revision
}

function refusedWith(message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof UserError)
    assert.match(error.message, message)
    assert.ok(error.hint)
    return true
  }
}

for (const older of [[], ['older']]) {
  const objects = older.length === 0 ? 'no other object' : 'an older object still'
  test(`goes on above a removal that was compacted away, and ${objects} is there`, async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'store.db')
    let newest: number
    {
      await using store = await openSqliteStore({ path })
      for (const name of [...older, 'a']) await putText(store, name, '')
      newest = store.remove(keyOf('a'))?.revision ?? 0
      await store.durable()
      store.compact()
    }
    await using store = await openSqliteStore({ path })
    assert.equal(store.revision, newest)
    assert.equal(store.list('pods').revision, newest)
    assert.equal(store.changesSince('pods', newest - 1), undefined)
    assert.deepEqual(store.changesSince('pods', newest), [])
    assert.equal(await putText(store, 'b', ''), newest + 1)
  })
}

test('makes its folder, and keeps its file from other users', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'a', 'b', 'store.db')
  await using store = await openSqliteStore({ path })
  await putText(store, 'a', '')
  for (const file of [path, `${path}-wal`]) assert.equal((await stat(file)).mode & 0o777, 0o600)
})

test('refuses a second opener while it is open, and only then', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'store.db')
  {
    await using store = await openSqliteStore({ path })
    await assert.rejects(openSqliteStore({ path }), refusedWith(/another process uses it/))
    await putText(store, 'a', 'still works')
  }
  await using again = await openSqliteStore({ path })
  assert.equal(again.count('pods'), 1)
})

test('refuses a file that is no database, and leaves it', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'store.db')
  const text = 'precious '.repeat(1000)
  await writeFile(path, text)
  await assert.rejects(openSqliteStore({ path }), refusedWith(/it is no database/))
  assert.equal(await readFile(path, 'utf8'), text)
})

test('refuses the database of another program, and leaves it', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'store.db')
  const other = new DatabaseSync(path)
  other.exec('CREATE TABLE precious (a)')
  other.close()
  const before = await readFile(path)
  await assert.rejects(openSqliteStore({ path }), refusedWith(/another program/))
  assert.deepEqual(await readFile(path), before)
})

test('refuses a file of a newer version', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'store.db')
  await (await openSqliteStore({ path }))[Symbol.asyncDispose]()
  const file = new DatabaseSync(path)
  file.exec('PRAGMA user_version = 2')
  file.close()
  await assert.rejects(
    openSqliteStore({ path }),
    refusedWith(/version 2, and this program knows 1/),
  )
})

test('refuses a path that is a folder', async () => {
  await using folder = await temporaryFolder()
  await assert.rejects(openSqliteStore({ path: folder.path }), refusedWith(/^Cannot open storage/))
})

test('refuses a file with an object that cannot be read', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'store.db')
  const log = new SqliteLog(path)
  const row = { key: keyOf('a'), revision: 2, isRemoval: false, json: Buffer.from('{') }
  log.commit({ rows: [row], expired: [], floors: new Map() })
  log.close()
  await assert.rejects(openSqliteStore({ path }), refusedWith(/revision 2 is damaged/))
  new SqliteLog(path).close()
})

test('keeps history over a restart, with the states before each change', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'store.db')
  const history = { changesPerResource: 2 }
  {
    await using store = await openSqliteStore({ path, history })
    for (const text of ['1', '2', '3', '4']) await putText(store, 'a', text)
  }
  await using store = await openSqliteStore({ path, history })
  const texts = store
    .changesSince('pods', 3)
    ?.map(({ previous, current }) => [previous?.object['data'], current?.object['data']])
  assert.deepEqual(texts, [
    [{ text: '2' }, { text: '3' }],
    [{ text: '3' }, { text: '4' }],
  ])
})

test('does not make up history when more is to be kept than before', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'store.db')
  {
    await using store = await openSqliteStore({ path, history: { changesPerResource: 2 } })
    for (const name of ['a', 'b', 'c', 'd']) await putText(store, name, '')
    await putText(store, 'n', '')
  }
  await using store = await openSqliteStore({ path, history: { changesPerResource: 100 } })
  assert.equal(store.changesSince('pods', 1), undefined)
  assert.equal(store.changesSince('pods', 4)?.length, 2)
})

test('the file holds no more than objects, history, and the states before it', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'store.db')
  {
    await using store = await openSqliteStore({ path, history: { changesPerResource: 5 } })
    for (let round = 0; round < 30; round++) {
      for (const name of ['a', 'b', 'c']) await putText(store, name, `${round}`)
      store.remove(keyOf('c'))
      await store.durable()
    }
  }
  const log = new SqliteLog(path)
  const revisions = [...log.rows()].map(({ revision }) => revision)
  log.close()
  // Two objects that are there, five changes, the states before them, and what the last commit left.
  assert.deepEqual(revisions.slice(-5), [117, 118, 119, 120, 121])
  assert.ok(revisions.length <= 2 + 5 + 5 + 2, revisions.join())
})

test('a write that was torn off by a crash takes nothing durable with it', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'store.db')
  await using store = await openSqliteStore({ path })
  for (let i = 0; i < 20; i++) await putText(store, `before-${i}`, 'x'.repeat(i * 100))
  const { size: durableSize } = await stat(`${path}-wal`)
  for (let i = 0; i < 5; i++) await putText(store, `after-${i}`, 'y'.repeat(5000))
  const { size } = await stat(`${path}-wal`)
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: durableSize, max: size - 1 }), async (cut) => {
      const copy = join(folder.path, `cut-${cut}.db`)
      for (const suffix of ['', '-wal']) await copyFile(path + suffix, copy + suffix)
      await truncate(`${copy}-wal`, cut)
      await using left = await openSqliteStore({ path: copy })
      const names = left.changesSince('pods', 1)?.map(({ key }) => key.name) ?? []
      const all = store.changesSince('pods', 1)?.map(({ key }) => key.name) ?? []
      assert.ok(names.length >= 20 && names.length < 25)
      assert.deepEqual(names, all.slice(0, names.length))
      assert.equal(left.count('pods'), names.length)
    }),
    { numRuns: 10 },
  )
})

test('says that a restart is needed when the thread of the database has died, and a restart helps', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'store.db')
  const threads: Worker[] = []
  const note = (thread: Worker): void => void threads.push(thread)
  process.on('worker', note)
  const store = await openSqliteStore({ path })
  process.off('worker', note)
  await putText(store, 'a', '')
  store.put(keyOf('b'), objectFor(keyOf('b')))
  const durable = store.durable()
  await Promise.all([
    assert.rejects(durable, { code: 'Unavailable', message: /restart this process/ }),
    ...threads.map((thread) => thread.terminate()),
  ])
  await assert.rejects(putText(store, 'c', ''), { message: /restart this process/ })
  assert.equal(store.count('pods'), 1)
  store.put(keyOf('d'), objectFor(keyOf('d')))
  await assert.rejects(async () => await store[Symbol.asyncDispose](), { code: 'Unavailable' })
  await using again = await openSqliteStore({ path })
  assert.notEqual(again.get(keyOf('a')), undefined)
})
