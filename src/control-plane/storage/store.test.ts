// SPDX-License-Identifier: Apache-2.0
// The contract of `Store`, for both of its kinds.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { keyOf, objectFor, storeKinds } from '../../../test/support/store-objects.ts'
import type { StoreChange } from './store.ts'

for (const [kind, open] of Object.entries(storeKinds)) {
  describe(`a store of kind ${kind}`, () => {
    test('gives each write the next revision, as a decimal string in the object and its bytes', async () => {
      await using store = await open()
      const start = store.revision
      assert.ok(start > 0)
      const first = store.put(keyOf('a'), objectFor(keyOf('a')))
      const second = store.put(keyOf('b'), objectFor(keyOf('b')))
      assert.deepEqual([first.revision, second.revision], [start + 1, start + 2])
      assert.equal(store.revision, start + 2)
      assert.equal(first.object.metadata.resourceVersion, `${start + 1}`)
      assert.deepEqual(JSON.parse(first.json.toString()), first.object)
    })

    test('keeps the order of fields and what it was given', async () => {
      await using store = await open()
      const given = {
        kind: 'Pod',
        metadata: { resourceVersion: '7', name: 'a' },
        z: [1, { y: 'ä' }],
        apiVersion: 'v1',
      }
      const copy = structuredClone(given)
      const { json, object, revision } = store.put(keyOf('a'), given)
      const text = `{"kind":"Pod","metadata":{"resourceVersion":"${revision}","name":"a"},"z":[1,{"y":"ä"}],"apiVersion":"v1"}`
      assert.equal(json.toString(), text)
      assert.deepEqual(given, copy)
      assert.equal(object['z'], given.z)
    })

    test('shows the newest state before it is durable', async () => {
      await using store = await open()
      const put = store.put(keyOf('a'), objectFor(keyOf('a')))
      assert.equal(store.get(keyOf('a')), put)
      assert.deepEqual(store.list('pods'), { items: [put], revision: put.revision })
      assert.equal(store.count('pods'), 1)
      assert.deepEqual(store.changesSince('pods', put.revision - 1), [])
    })

    test('lists in the order of paths, all of a resource or one namespace', async () => {
      await using store = await open()
      const keys = ['a/x', 'a-b/z', 'a/x-1', 'a-b/b', 'a/b', 'b/a'].map((path) => {
        const [namespace = '', name = ''] = path.split('/')
        return keyOf(name, namespace)
      })
      for (const key of keys) store.put(key, objectFor(key))
      store.put(keyOf('n', '', 'nodes'), objectFor(keyOf('n', '')))
      const names = (namespace?: string): string[] =>
        store
          .list('pods', namespace)
          .items.map(({ object }) => `${object.metadata.namespace}/${object.metadata.name}`)
      assert.deepEqual(names(), ['a-b/b', 'a-b/z', 'a/b', 'a/x', 'a/x-1', 'b/a'])
      assert.deepEqual(names('a'), ['a/b', 'a/x', 'a/x-1'])
      assert.deepEqual(names('none'), [])
      assert.deepEqual(store.list('secrets').items, [])
      assert.equal(store.count('pods'), 6)
      assert.equal(store.count('nodes'), 1)
    })

    test('leaves a list that was handed out as it was', async () => {
      await using store = await open()
      const first = store.put(keyOf('b'), objectFor(keyOf('b')))
      const { items } = store.list('pods')
      store.put(keyOf('a'), objectFor(keyOf('a')))
      store.put(keyOf('b'), objectFor(keyOf('b'), 'new'))
      store.list('pods')
      store.remove(keyOf('a'))
      assert.deepEqual(items, [first])
    })

    test('removes under a new revision and shows watchers the last state', async () => {
      await using store = await open()
      const put = store.put(keyOf('a'), objectFor(keyOf('a'), 'first'))
      await store.durable()
      const removed = store.remove(keyOf('a'), objectFor(keyOf('a'), 'last'))
      assert.equal(removed?.revision, put.revision + 1)
      assert.equal(removed.object.metadata.resourceVersion, `${put.revision + 1}`)
      assert.deepEqual(removed.object['data'], { text: 'last' })
      assert.equal(store.get(keyOf('a')), undefined)
      await store.durable()
      assert.deepEqual(store.changesSince('pods', put.revision), [
        { key: keyOf('a'), revision: removed.revision, current: undefined, previous: put, removed },
      ])
    })

    test('takes the stored state as the last one when no other is given', async () => {
      await using store = await open()
      const put = store.put(keyOf('a'), objectFor(keyOf('a'), 'x'))
      assert.deepEqual(store.remove(keyOf('a'))?.object['data'], put.object['data'])
    })

    test('makes no write of a removal of what is not there', async () => {
      await using store = await open()
      const { revision } = store
      assert.equal(store.remove(keyOf('a')), undefined)
      assert.equal(store.revision, revision)
    })

    test('tells changes in order, once, to those of the resource and those of all', async () => {
      await using store = await open()
      const pods: StoreChange[] = []
      const all: StoreChange[] = []
      using _pods = store.onChange('pods', (change) => pods.push(change))
      using _all = store.onChange('*', (change) => all.push(change))
      const start = store.revision
      store.put(keyOf('a'), objectFor(keyOf('a')))
      store.put(keyOf('n', '', 'nodes'), objectFor(keyOf('n', '')))
      store.put(keyOf('a'), objectFor(keyOf('a'), 'new'))
      store.remove(keyOf('a'))
      assert.deepEqual(all, [], 'told before it is durable')
      await store.durable()
      const revisions = (changes: readonly StoreChange[]): number[] =>
        changes.map(({ revision }) => revision - start)
      assert.deepEqual(revisions(all), [1, 2, 3, 4])
      assert.deepEqual(revisions(pods), [1, 3, 4])
      assert.deepEqual(pods, store.changesSince('pods', start))
      assert.equal(pods[1]?.previous, pods[0]?.current)
    })

    test('stops telling a listener that was disposed of', async () => {
      await using store = await open()
      let count = 0
      const listener = store.onChange('pods', () => count++)
      store.put(keyOf('a'), objectFor(keyOf('a')))
      await store.durable()
      listener[Symbol.dispose]()
      store.put(keyOf('b'), objectFor(keyOf('b')))
      await store.durable()
      assert.equal(count, 1)
    })

    test('joins history and listening without a gap or a repetition, even from inside a listener', async () => {
      await using store = await open()
      const start = store.revision
      const seen: number[] = []
      const stack = new DisposableStack()
      const watch = (): void => {
        for (const { revision } of store.changesSince('pods', start) ?? []) seen.push(revision)
        stack.use(store.onChange('pods', ({ revision }) => seen.push(revision)))
      }
      stack.use(
        store.onChange('pods', ({ revision }) => {
          if (revision === start + 2) watch()
        }),
      )
      using _ = stack
      for (const name of ['a', 'b', 'c']) store.put(keyOf(name), objectFor(keyOf(name)))
      await store.durable()
      assert.deepEqual(seen, [start + 1, start + 2, start + 3])
    })

    test('tells what a listener writes after what it is told of, to everybody', async () => {
      await using store = await open()
      const seen: string[] = []
      using _first = store.onChange('pods', ({ key }) => {
        if (key.name === 'a') store.put(keyOf('c'), objectFor(keyOf('c')))
      })
      using _second = store.onChange('pods', ({ key }) => seen.push(key.name))
      store.put(keyOf('a'), objectFor(keyOf('a')))
      store.put(keyOf('b'), objectFor(keyOf('b')))
      await store.durable()
      await store.durable()
      assert.deepEqual(seen, ['a', 'b', 'c'])
    })

    test('forgets history when compacted, and answers only what is complete', async () => {
      await using store = await open()
      const start = store.revision
      for (const name of ['a', 'b', 'c']) store.put(keyOf(name), objectFor(keyOf(name)))
      await store.durable()
      assert.equal(store.changesSince('pods', start)?.length, 3)
      store.compact(start + 1)
      assert.equal(store.changesSince('pods', start), undefined)
      assert.equal(store.changesSince('pods', start + 1)?.length, 2)
      store.compact()
      assert.equal(store.changesSince('pods', start + 2), undefined)
      assert.deepEqual(store.changesSince('pods', start + 3), [])
      assert.equal(store.changesSince('secrets', start), undefined)
      assert.equal(store.count('pods'), 3)
    })

    test('does not compact what is not durable yet', async () => {
      await using store = await open()
      const start = store.revision
      store.put(keyOf('a'), objectFor(keyOf('a')))
      store.compact(start + 100)
      await store.durable()
      assert.equal(store.changesSince('pods', start)?.length, 1)
    })

    test('keeps no more history than it may', async () => {
      await using store = await open({ history: { changesPerResource: 2 } })
      const start = store.revision
      store.put(keyOf('n', '', 'nodes'), objectFor(keyOf('n', '')))
      for (const text of ['1', '2', '3']) store.put(keyOf('a'), objectFor(keyOf('a'), text))
      await store.durable()
      assert.equal(store.changesSince('pods', start + 1), undefined)
      assert.equal(store.changesSince('pods', start + 2)?.length, 2)
      assert.equal(store.changesSince('nodes', start)?.length, 1)
    })

    test('takes no write after it was closed, and keeps those before', async () => {
      const store = await open()
      store.put(keyOf('a'), objectFor(keyOf('a')))
      const durable = store.durable()
      await store[Symbol.asyncDispose]()
      await durable
      assert.throws(() => store.put(keyOf('b'), objectFor(keyOf('b'))), {
        code: 'Unavailable',
        message: 'Cannot write to storage: it is closed',
      })
    })
  })
}
