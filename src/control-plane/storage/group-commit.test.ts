// SPDX-License-Identifier: Apache-2.0
// What a store does when its journal fails, as a full disk makes it fail.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyOf, objectFor } from '../../../test/support/store-objects.ts'
import { FakeClock } from '../../util/fake-clock.ts'
import { JournaledStore } from './journaled-store.ts'
import type { Journal, JournalBatch } from './journal.ts'
import { StoreState } from './store-state.ts'

/** A journal in memory whose disk can be full, and which answers only when it is told to. */
class FakeJournal implements Journal {
  readonly batches: JournalBatch[] = []
  isFull = false
  isHeld = false
  isClosed = false
  #release: (() => void) | undefined

  async commit(batch: JournalBatch): Promise<void> {
    if (this.isHeld) {
      await new Promise<void>((resolve) => {
        this.#release = resolve
      })
    }
    if (this.isFull) throw new Error('database or disk is full')
    this.batches.push(batch)
  }

  release(): void {
    this.#release?.()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isClosed = true
  }

  /** Names of what each transaction wrote. */
  get written(): string[][] {
    return this.batches.map(({ rows }) => rows.map(({ key }) => key.name))
  }
}

function fixture(): {
  readonly journal: FakeJournal
  readonly clock: FakeClock
  readonly store: JournaledStore
  readonly told: string[]
  readonly put: (name: string) => void
} {
  const journal = new FakeJournal()
  const clock = new FakeClock()
  const store = new JournaledStore(new StoreState({ floors: new Map() }), journal, { clock })
  const told: string[] = []
  store.onChange('*', ({ key }) => told.push(key.name))
  const put = (name: string): void => void store.put(keyOf(name), objectFor(keyOf(name)))
  return { journal, clock, store, told, put }
}

const full = {
  code: 'Unavailable',
  message: 'Cannot write to storage: database or disk is full',
}

test('writes of one turn go into one transaction, and those during a commit into the next', async () => {
  const { journal, clock, store, put } = fixture()
  journal.isHeld = true
  put('a')
  put('b')
  const first = store.durable()
  await clock.advance(0)
  put('c')
  put('d')
  await clock.advance(0)
  journal.isHeld = false
  journal.release()
  await first
  await store.durable()
  assert.deepEqual(journal.written, [
    ['a', 'b'],
    ['c', 'd'],
  ])
})

test('waiting for an old revision does not wait for a commit that is under way', async () => {
  const { journal, clock, store, put } = fixture()
  put('a')
  await store.durable()
  const old = store.revision
  journal.isHeld = true
  put('b')
  await clock.advance(0)
  await store.durable(old)
  journal.isHeld = false
  journal.release()
  await store.durable()
})

test('on a full disk nobody is told, whoever waits is refused, and no more writes are taken', async () => {
  const { journal, store, told, put } = fixture()
  put('a')
  await store.durable()
  journal.isFull = true
  put('b')
  await assert.rejects(store.durable(), full)
  await assert.rejects(store.durable(), full)
  assert.throws(() => put('c'), full)
  assert.throws(() => store.remove(keyOf('a')), full)
  assert.deepEqual(told, ['a'])
  assert.equal(store.get(keyOf('c')), undefined)
  assert.notEqual(store.get(keyOf('a')), undefined)
  await store.durable(store.revision - 1)
})

test('once the disk has room again the refused writes are made durable, in order, and told once', async () => {
  const { journal, clock, store, told, put } = fixture()
  journal.isFull = true
  journal.isHeld = true
  put('a')
  const refused = assert.rejects(store.durable(), full)
  await clock.advance(0)
  put('b')
  journal.isHeld = false
  journal.release()
  await refused
  await clock.advance(999)
  await clock.advance(1)
  assert.deepEqual(told, [])
  journal.isFull = false
  await clock.advance(1000)
  assert.deepEqual(told, ['a', 'b'])
  await store.durable()
  put('c')
  await store.durable()
  assert.deepEqual(journal.written, [['a', 'b'], ['c']])
  assert.equal(clock.pending, 0)
})

test('what the journal may forget is not lost with a failed commit', async () => {
  const { journal, clock, store, put } = fixture()
  put('a')
  put('a')
  await store.durable()
  store.compact()
  journal.isFull = true
  put('b')
  await assert.rejects(store.durable(), full)
  journal.isFull = false
  await clock.advance(1000)
  const last = journal.batches.at(-1)
  assert.deepEqual(last?.expired, [2])
  assert.deepEqual(
    [...last.floors],
    [
      ['pods', 3],
      ['*', 3],
    ],
  )
})

test('closing commits what is pending and closes the journal', async () => {
  const { journal, store, put } = fixture()
  put('a')
  await store[Symbol.asyncDispose]()
  assert.deepEqual(journal.written, [['a']])
  assert.ok(journal.isClosed)
})

test('closing on a full disk closes the journal and says what is lost', async () => {
  const { journal, clock, store, put } = fixture()
  journal.isFull = true
  put('a')
  await assert.rejects(async () => await store[Symbol.asyncDispose](), full)
  assert.ok(journal.isClosed)
  assert.equal(clock.pending, 0)
  await assert.rejects(store.durable(), full)
})

test('a listener that throws does not keep the others from hearing', async (t) => {
  const { store, told, put } = fixture()
  const uncaught: unknown[] = []
  t.mock.method(globalThis, 'queueMicrotask', (run: () => void) => uncaught.push(run))
  store.onChange('*', () => {
    throw new Error('broken')
  })
  store.onChange('*', ({ key }) => told.push(`${key.name} again`))
  put('a')
  await store.durable()
  assert.deepEqual(told, ['a', 'a again'])
  assert.equal(uncaught.length, 1)
})
