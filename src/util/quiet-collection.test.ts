// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from './fake-clock.ts'
import { collectWhenQuiet } from './quiet-collection.ts'

const mib = 1024 * 1024

function world() {
  const clock = new FakeClock()
  const state = { heap: 60 * mib, lives: 50 * mib, busy: 0, collections: 0 }
  const collecting = collectWhenQuiet({
    clock,
    heapBytes: () => state.heap,
    busyShare: () => state.busy,
    collect: () => {
      state.collections += 1
      state.heap = state.lives
    },
  })
  return { state, collecting, pass: () => clock.advance(10_000) }
}

test('what a burst has left is collected once it is quiet, and once only', async () => {
  const { state, collecting, pass } = world()
  using _ = collecting
  state.heap = 200 * mib
  state.busy = 0.9
  await pass()
  assert.equal(state.collections, 0)
  state.busy = 0.05
  await pass()
  await pass()
  assert.equal(state.collections, 1)
  assert.equal(state.heap, state.lives)
})

test('a heap that grows by little, or by what lives, is not collected again and again', async () => {
  const { state, collecting, pass } = world()
  using _ = collecting
  state.heap = 100 * mib
  await pass()
  assert.equal(state.collections, 0)
  state.lives = 400 * mib
  state.heap = 420 * mib
  await pass()
  await pass()
  assert.equal(state.collections, 1)
  state.heap = 590 * mib
  await pass()
  assert.equal(state.collections, 1)
})

test('nothing is looked at after the end', async () => {
  const { state, collecting, pass } = world()
  collecting[Symbol.dispose]()
  state.heap = 500 * mib
  await pass()
  assert.equal(state.collections, 0)
})
