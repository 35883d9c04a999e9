// SPDX-License-Identifier: Apache-2.0
// What a store does when its journal fails, as a full disk makes it fail.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyOf, objectFor } from '../../../test/support/store-objects.ts'
import * as fc from 'fast-check'
import { silentLogger } from '../../util/logger.ts'
import { JournaledStore } from './journaled-store.ts'
import type { Journal, JournalBatch } from './journal.ts'
import { StoreState } from './store-state.ts'
import type { Store } from './store.ts'

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
  readonly store: JournaledStore
  readonly told: string[]
  readonly logged: string[]
  readonly put: (name: string) => void
} {
  const journal = new FakeJournal()
  const logged: string[] = []
  const log = {
    ...silentLogger,
    error: (fields: { readonly why?: string }) => void logged.push(`refuses: ${fields.why}`),
    info: () => void logged.push('writes'),
  }
  const store = new JournaledStore(new StoreState({ floors: new Map() }), journal, { log })
  const told: string[] = []
  store.onChange('*', ({ key }) => told.push(key.name))
  const put = (name: string): void => void store.put(keyOf(name), objectFor(keyOf(name)))
  return { journal, store, told, logged, put }
}

/** Whatever is due by now has happened. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
}

const namesIn = (store: Store): string[] =>
  store.list('pods').items.map(({ object }) => object.metadata.name)

const full = {
  code: 'Unavailable',
  message: 'Cannot write to storage: database or disk is full',
}

test('writes of one turn go into one transaction, and those during a commit into the next', async () => {
  const { journal, store, put } = fixture()
  journal.isHeld = true
  put('a')
  put('b')
  const first = store.durable()
  await turn()
  put('c')
  put('d')
  await turn()
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
  const { journal, store, put } = fixture()
  put('a')
  await store.durable()
  const old = store.revision
  journal.isHeld = true
  put('b')
  await turn()
  await store.durable(old)
  journal.isHeld = false
  journal.release()
  await store.durable()
})

test('on a full disk nobody is told, whoever waits is refused, and nothing is left of the write', async () => {
  const { journal, store, told, put } = fixture()
  put('a')
  await store.durable()
  const { revision } = store
  journal.isFull = true
  put('b')
  store.remove(keyOf('a'))
  put('a')
  await assert.rejects(store.durable(), full)
  assert.deepEqual(told, ['a'])
  assert.deepEqual(namesIn(store), ['a'])
  assert.equal(store.get(keyOf('b')), undefined)
  assert.deepEqual([store.revision, store.count('pods')], [revision, 1])
  assert.equal(store.failure?.message, full.message)
  await store.durable()
})

test('what came while a commit was under way that failed is refused with it', async () => {
  const { journal, store, told, put } = fixture()
  journal.isFull = true
  journal.isHeld = true
  put('a')
  const first = assert.rejects(store.durable(), full)
  await turn()
  put('b')
  const second = assert.rejects(store.durable(), full)
  journal.isHeld = false
  journal.release()
  await Promise.all([first, second])
  assert.deepEqual([told, namesIn(store)], [[], []])
})

test('once the disk has room again the next write is durable, under the revision that was refused', async () => {
  const { journal, store, told, logged, put } = fixture()
  put('a')
  await store.durable()
  const { revision } = store
  journal.isFull = true
  for (let tries = 0; tries < 3; tries += 1) {
    put('b')
    await assert.rejects(store.durable(), full)
  }
  journal.isFull = false
  put('c')
  await store.durable()
  assert.deepEqual(told, ['a', 'c'])
  assert.deepEqual(journal.written, [['a'], ['c']])
  assert.equal(store.revision, revision + 1)
  assert.equal(store.failure, undefined)
  assert.deepEqual(logged, ['refuses: database or disk is full', 'writes'])
})

test('a read that met a write which is refused is answered with what is durable', async () => {
  const { journal, store, put } = fixture()
  put('a')
  await store.durable()
  journal.isFull = true
  store.remove(keyOf('a'))
  put('b')
  const list = store.read(() => ({ names: namesIn(store), revision: store.revision }))
  const object = store.read(() => {
    const found = store.get(keyOf('a'))
    if (found === undefined) throw new Error('not found')
    return found.object.metadata.name
  })
  const gone = store.read(() => {
    if (store.get(keyOf('b')) === undefined) throw new Error('not found')
  })
  const refused = assert.rejects(store.durable(), full)
  await assert.rejects(gone, { message: 'not found' })
  assert.deepEqual(await list, { names: ['a'], revision: 2 })
  assert.equal(await object, 'a')
  await refused
})

test('a commit without a change proves no room', async () => {
  const { journal, store, put } = fixture()
  journal.isFull = true
  put('a')
  await assert.rejects(store.durable(), full)
  journal.isFull = false
  store.compact()
  await turn()
  assert.equal(store.failure?.message, full.message)
})

test('what the journal may forget is not lost with a failed commit', async () => {
  const { journal, store, put } = fixture()
  put('a')
  put('a')
  await store.durable()
  store.compact()
  journal.isFull = true
  put('b')
  await assert.rejects(store.durable(), full)
  journal.isFull = false
  put('b')
  await store.durable()
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

test('what a full disk refused is as if it had never been, whatever it was', async () => {
  const name = fc.constantFrom('a', 'b', 'c')
  const write = fc.record({ kind: fc.constantFrom('put' as const, 'remove' as const), name })
  const turns = fc.array(fc.record({ isFull: fc.boolean(), writes: fc.array(write) }))
  await fc.assert(
    fc.asyncProperty(turns, async (lives) => {
      const { journal, store, told } = fixture()
      const model = { objects: new Map<string, number>(), told: [] as string[], revision: 1 }
      for (const { isFull, writes } of lives) {
        journal.isFull = isFull
        const next = { objects: new Map(model.objects), told: [...model.told] }
        let { revision } = model
        for (const { kind, name: target } of writes) {
          if (kind === 'put') store.put(keyOf(target), objectFor(keyOf(target)))
          else store.remove(keyOf(target))
          if (kind === 'remove' && !next.objects.has(target)) continue
          revision += 1
          next.told.push(target)
          if (kind === 'put') next.objects.set(target, revision)
          else next.objects.delete(target)
        }
        const isRefused = isFull && revision > model.revision
        if (isRefused) await assert.rejects(store.durable(), full)
        else await store.durable()
        if (!isRefused) Object.assign(model, next, { revision })
        const { items } = store.list('pods')
        assert.deepEqual(
          new Map(items.map((stored) => [stored.object.metadata.name, stored.revision])),
          model.objects,
        )
        assert.deepEqual([store.revision, told], [model.revision, model.told])
      }
    }),
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
  const { journal, store, put } = fixture()
  journal.isFull = true
  put('a')
  await assert.rejects(async () => await store[Symbol.asyncDispose](), full)
  assert.ok(journal.isClosed)
  assert.deepEqual(namesIn(store), [])
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
