// SPDX-License-Identifier: Apache-2.0
// Random lives of a store beside a model that is too simple to be wrong: writes, removals, compactions,
// and for the durable kind, closing, opening, and copies of its files as a crash would leave them.
import assert from 'node:assert/strict'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { keyOf, objectFor, temporaryFolder } from '../../../test/support/store-objects.ts'
import { tries } from '../../../test/support/test-size.ts'
import { compareKeys } from './compare-keys.ts'
import { createMemoryStore } from './memory-store.ts'
import { openSqliteStore } from './sqlite-store.ts'
import type { ObjectKey, Store, StoreChange, Stored } from './store.ts'

const limits = { changesPerResource: 6, changes: 9 }
const resources = ['pods', 'nodes']

type Step =
  | { readonly kind: 'put' | 'remove'; readonly key: ObjectKey; readonly text: string }
  | { readonly kind: 'compact'; readonly back: number }
  | { readonly kind: 'wait' | 'list' | 'reopen' | 'crash' }

interface State {
  readonly revision: number
  readonly text: string
}

interface ModelChange {
  readonly key: ObjectKey
  readonly revision: number
  readonly current: State | undefined
  readonly previous: State | undefined
  readonly removed: State | undefined
}

class Model {
  readonly objects = new Map<string, { readonly key: ObjectKey; readonly state: State }>()
  readonly changes: ModelChange[] = []
  revision: number
  compacted = 0

  constructor(revision: number) {
    this.revision = revision
  }

  put(key: ObjectKey, text: string): void {
    const current = { revision: ++this.revision, text }
    this.#change(key, { current, removed: undefined })
    this.objects.set(pathOf(key), { key, state: current })
  }

  remove(key: ObjectKey, text: string): void {
    if (!this.objects.has(pathOf(key))) return
    const removed = { revision: ++this.revision, text }
    this.#change(key, { current: undefined, removed })
    this.objects.delete(pathOf(key))
  }

  list(resource: string, namespace?: string): State[] {
    return [...this.objects.values()]
      .filter(({ key }) => key.resource === resource)
      .filter(({ key }) => namespace === undefined || key.namespace === namespace)
      .sort((left, right) => compareKeys(left.key, right.key))
      .map(({ state }) => state)
  }

  #change(key: ObjectKey, states: Pick<ModelChange, 'current' | 'removed'>): void {
    const previous = this.objects.get(pathOf(key))?.state
    this.changes.push({ key, revision: this.revision, previous, ...states })
  }
}

function pathOf({ resource, namespace, name }: ObjectKey): string {
  return `${resource}/${namespace}/${name}`
}

function stateOf(stored: Stored | undefined): State | undefined {
  if (stored === undefined) return undefined
  assert.deepEqual(JSON.parse(stored.json.toString()), stored.object)
  assert.equal(stored.object.metadata.resourceVersion, `${stored.revision}`)
  const { text } = stored.object['data'] as { readonly text: string }
  return { revision: stored.revision, text }
}

function modelled({ key, revision, current, previous, removed }: StoreChange): ModelChange {
  return {
    key,
    revision,
    current: stateOf(current),
    previous: stateOf(previous),
    removed: stateOf(removed),
  }
}

function compareObjects(store: Store, model: Model): void {
  for (const resource of resources) {
    for (const namespace of [undefined, 'a', 'a-b']) {
      const { items, revision } = store.list(resource, namespace)
      assert.deepEqual(items.map(stateOf), model.list(resource, namespace))
      assert.equal(revision, model.revision)
    }
    assert.equal(store.count(resource), model.list(resource).length)
  }
}

/** Everything is durable: what history answers has no gap, and it reaches as far back as it should. */
function compareHistory(store: Store, model: Model): void {
  for (const resource of resources) {
    let isComplete = false
    for (let revision = 0; revision <= model.revision; revision++) {
      const after = model.changes.filter((change) => change.revision > revision)
      const expected = after.filter(({ key }) => key.resource === resource)
      const changes = store.changesSince(resource, revision)
      const mustReach =
        revision >= model.compacted &&
        after.length <= limits.changes &&
        expected.length <= limits.changesPerResource
      assert.ok(changes !== undefined || !(isComplete || mustReach))
      isComplete = changes !== undefined
      if (changes !== undefined) assert.deepEqual(changes.map(modelled), expected)
    }
  }
}

const key = fc
  .tuple(
    fc.constantFrom('a', 'a-b'),
    fc.constantFrom('x', 'x-1', 'y'),
    fc.constantFrom(...resources),
  )
  .map(([namespace, name, resource]) => keyOf(name, namespace, resource))
const text = fc.string({ maxLength: 5, unit: 'grapheme' })

function stepsOf(...kinds: ('wait' | 'list' | 'reopen' | 'crash')[]): fc.Arbitrary<Step[]> {
  const put = fc.record({ kind: fc.constant('put' as const), key, text })
  const remove = fc.record({ kind: fc.constant('remove' as const), key, text })
  const compact = fc.record({ kind: fc.constant('compact' as const), back: fc.nat(8) })
  const other = fc.record({ kind: fc.constantFrom(...kinds) })
  const step = fc.oneof(
    { weight: 8, arbitrary: put },
    { weight: 4, arbitrary: remove },
    { weight: 1, arbitrary: compact },
    { weight: 4, arbitrary: other },
  )
  return fc.array(step, { maxLength: 50, size: 'max' })
}

/** Takes the steps on both; `reopen` answers with what is there after closing or a crash. */
async function live(
  steps: readonly Step[],
  first: Store,
  reopen: (store: Store, kind: 'reopen' | 'crash') => Promise<Store>,
): Promise<void> {
  let store = first
  const model = new Model(store.revision)
  const told: ModelChange[] = []
  store.onChange('*', (change) => told.push(modelled(change)))
  for (const step of steps) {
    switch (step.kind) {
      case 'put':
        store.put(step.key, objectFor(step.key, step.text))
        model.put(step.key, step.text)
        break
      case 'remove':
        store.remove(step.key, objectFor(step.key, step.text))
        model.remove(step.key, step.text)
        break
      case 'compact':
        await store.durable()
        model.compacted = Math.max(model.compacted, model.revision - step.back)
        store.compact(model.revision - step.back)
        break
      case 'list':
        compareObjects(store, model)
        break
      case 'wait':
        await store.durable()
        compareHistory(store, model)
        break
      case 'reopen':
      case 'crash':
        if (step.kind === 'crash') await store.durable()
        store = await reopen(store, step.kind)
        assert.deepEqual(told, model.changes)
        assert.equal(store.revision, model.revision)
        compareObjects(store, model)
        compareHistory(store, model)
        store.onChange('*', (change) => told.push(modelled(change)))
        break
    }
  }
  await store.durable()
  assert.deepEqual(told, model.changes)
  compareObjects(store, model)
  compareHistory(store, model)
  await store[Symbol.asyncDispose]()
}

test('a store in memory lives as its model does', async () => {
  await fc.assert(
    fc.asyncProperty(stepsOf('wait', 'list'), async (steps) => {
      await live(steps, createMemoryStore({ history: limits }), async (store) => store)
    }),
  )
})

test('a durable store lives as its model does, through restarts and crashes', async () => {
  await fc.assert(
    fc.asyncProperty(stepsOf('wait', 'wait', 'wait', 'list', 'reopen', 'crash'), async (steps) => {
      await using folder = await temporaryFolder()
      let path = join(folder.path, 'store.db')
      const open = (): Promise<Store> => openSqliteStore({ path, history: limits })
      await live(steps, await open(), async (store, kind) => {
        const copy = `${path}.`
        if (kind === 'crash') {
          for (const suffix of ['', '-wal']) await copyFile(path + suffix, copy + suffix)
          path = copy
        }
        await store[Symbol.asyncDispose]()
        return await open()
      })
    }),
    { numRuns: tries(30, 10) },
  )
})
