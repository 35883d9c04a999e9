// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ObservedPod } from '../provider/provider.ts'
import { FakeClock } from '../util/fake-clock.ts'
import { PodNews } from './pod-news.ts'

class World {
  readonly clock = new FakeClock()
  readonly told: string[] = []
  state = 'starting'
  isMoreDue = false
  readonly news = new PodNews({
    clock: this.clock,
    observed: () => ({ startTime: this.state }) as ObservedPod,
    isMoreDue: () => this.isMoreDue,
    publish: ({ startTime = '' }) => void this.told.push(startTime),
  })
}

test('each state is told once', () => {
  const { news, told } = new World()
  news.tell()
  news.tellSoon()
  assert.deepEqual(told, ['starting'])
})

test('what comes in a moment is told with what there is, and nothing waits longer', async () => {
  const world = new World()
  world.isMoreDue = true
  world.news.tellSoon()
  world.news.tellSoon()
  assert.deepEqual(world.told, [])
  world.isMoreDue = false
  world.state = 'ready'
  world.news.tellSoon()
  assert.deepEqual(world.told, ['ready'])
  assert.equal(world.clock.pending, 0)
  world.isMoreDue = true
  world.state = 'late'
  world.news.tellSoon()
  await world.clock.advance(25)
  assert.deepEqual(world.told, ['ready', 'late'])
})

test('nothing is told after the end', async () => {
  const world = new World()
  world.isMoreDue = true
  world.news.tellSoon()
  world.news[Symbol.dispose]()
  await world.clock.advance(1000)
  assert.deepEqual(world.told, [])
})
