// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { FakeClock } from '../util/fake-clock.ts'
import { silentLogger } from '../util/logger.ts'
import { VkError } from '../util/vk-error.ts'
import { WorkQueue } from './work-queue.ts'
import type { WorkFailure, WorkHandler, WorkQueueOptions } from './work-queue.ts'

const backoff = { baseMs: 100, factor: 2, capMs: 5000, jitter: 0 }

function newQueue(handle: WorkHandler, options: Partial<WorkQueueOptions> = {}) {
  const clock = new FakeClock()
  const defaults = { name: 'test', concurrency: 2, clock, log: silentLogger, backoff }
  const queue = new WorkQueue(handle, { ...defaults, ...options })
  return { queue, clock }
}

/** A handler whose calls end when the test says so. */
class Workers {
  readonly started: string[] = []
  readonly working = new Map<string, PromiseWithResolvers<void>>()

  readonly handle = async (key: string): Promise<void> => {
    assert.ok(!this.working.has(key), `${key} is worked on twice at once`)
    this.started.push(key)
    const work = Promise.withResolvers<void>()
    this.working.set(key, work)
    await work.promise.finally(() => this.working.delete(key))
  }

  end(key: string, error?: Error): void {
    const work = this.working.get(key)
    if (error) work?.reject(error)
    else work?.resolve()
  }
}

test('works keys in the order they were added, each once', async () => {
  const seen: string[] = []
  const { queue } = newQueue(async (key) => void seen.push(key), { concurrency: 1 })
  for (const key of ['b', 'a', 'b', 'c', 'a']) queue.add(key)
  assert.equal(queue.depth, 3)
  queue.start()
  await queue.whenIdle()
  assert.deepEqual(seen, ['b', 'a', 'c'])
})

test('works a key once more when it was added while in work', async () => {
  const workers = new Workers()
  const { queue, clock } = newQueue(workers.handle)
  queue.start()
  queue.add('a')
  await clock.advance(0)
  queue.add('a')
  queue.add('a')
  await clock.advance(0)
  assert.deepEqual(workers.started, ['a'])
  workers.end('a')
  await clock.advance(0)
  assert.deepEqual(workers.started, ['a', 'a'])
  workers.end('a')
  await queue.whenIdle()
  assert.deepEqual(workers.started, ['a', 'a'])
})

test('retries a failed key with growing delays until it succeeds, then forgets its failures', async () => {
  const failures: WorkFailure[] = []
  let isBroken = true
  const { queue, clock } = newQueue(
    async () => {
      if (isBroken) throw new VkError('Unavailable', 'Cannot do it: broken')
    },
    { onFailure: (failure) => failures.push(failure) },
  )
  queue.start()
  queue.add('a')
  await clock.advance(100 + 200 + 400 + 800 + 1600 + 3200 + 5000 + 5000)
  assert.deepEqual(
    failures.map((failure) => failure.retryInMs),
    [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000],
  )
  assert.equal(queue.failuresOf('a'), 9)
  isBroken = false
  await clock.advance(5000)
  assert.equal(queue.failuresOf('a'), 0)
  assert.equal(clock.pending, 0)
})

test('waits for as long as the server asked for', async () => {
  let calls = 0
  const { queue, clock } = newQueue(async () => {
    calls += 1
    if (calls === 1) throw new VkError('Unavailable', 'busy', { retryAfterMs: 7000 })
  })
  queue.start()
  queue.add('a')
  await clock.advance(6999 - 2)
  assert.equal(calls, 1)
  await clock.advance(3)
  assert.equal(calls, 2)
})

test('holds back a failed key that adds itself by its own writes, a second at most', async () => {
  const startsMs: number[] = []
  const clock = new FakeClock(0)
  const { queue } = newQueue(
    async (key) => {
      startsMs.push(clock.nowMs())
      queue.add(key)
      throw new Error('broken')
    },
    { clock },
  )
  queue.start()
  queue.add('a')
  await clock.advance(4500)
  assert.deepEqual(startsMs, [0, 100, 300, 700, 1500, 2500, 3500, 4500])
  await queue[Symbol.asyncDispose]()
})

test('adds after a delay, the earliest of several', async () => {
  const clock = new FakeClock(0)
  const startsMs: number[] = []
  const { queue } = newQueue(async () => void startsMs.push(clock.nowMs()), { clock })
  queue.start()
  queue.addAfter('a', 500)
  queue.addAfter('a', 200)
  queue.addAfter('a', 900)
  await clock.advance(2000)
  assert.deepEqual(startsMs, [200])
})

test('works a key again when its work asked for it', async () => {
  const clock = new FakeClock(0)
  const startsMs: number[] = []
  const { queue } = newQueue(
    async () => {
      startsMs.push(clock.nowMs())
      if (startsMs.length < 3) return { requeueAfterMs: 1000 }
      return undefined
    },
    { clock },
  )
  queue.start()
  queue.add('a')
  await clock.advance(10_000)
  assert.deepEqual(startsMs, [0, 1000, 2000])
})

test('aborts and waits for its workers when disposed of, and takes no more keys', async () => {
  let ended = 0
  const { queue, clock } = newQueue(async (_key, { signal }) => {
    await new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error))
    }).finally(() => (ended += 1))
  })
  queue.start()
  for (const key of ['a', 'b', 'c']) queue.add(key)
  await clock.advance(0)
  await queue[Symbol.asyncDispose]()
  assert.equal(ended, 2)
  queue.add('d')
  queue.addAfter('e', 10)
  assert.equal(queue.depth, 0)
  assert.equal(clock.pending, 0)
})

test('lets the event loop breathe between many keys that never wait', async () => {
  let turnsSeen = 0
  let done = 0
  const { queue } = newQueue(async () => void (done += 1), { concurrency: 50 })
  for (let i = 0; i < 20_000; i++) queue.add(`key-${i}`)
  queue.start()
  const timer = setInterval(() => (turnsSeen += 1), 0)
  await queue.whenIdle()
  clearInterval(timer)
  assert.equal(done, 20_000)
  assert.ok(turnsSeen > 0, 'no timer fired while the queue was at work')
})

type Step =
  | { readonly do: 'add'; readonly key: string }
  | { readonly do: 'end' | 'fail'; readonly key: string }
  | { readonly do: 'addAfter'; readonly key: string; readonly ms: number }
  | { readonly do: 'advance'; readonly ms: number }

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e')
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('add'), key }),
  fc.record({ do: fc.constantFrom('end', 'fail'), key }),
  fc.record({ do: fc.constant('addAfter'), key, ms: fc.integer({ min: 0, max: 3000 }) }),
  fc.record({ do: fc.constant('advance'), ms: fc.integer({ min: 0, max: 2000 }) }),
)

test('loses no key and works none twice at once, whatever the order of calls', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const workers = new Workers()
      const { queue, clock } = newQueue(workers.handle)
      const owed = new Set<string>()
      let settled = 0
      queue.start()
      const settle = async (ms: number): Promise<void> => {
        await clock.advance(ms)
        for (const started of workers.started.slice(settled)) owed.delete(started)
        settled = workers.started.length
        assert.ok(workers.working.size <= 2, 'more workers than allowed')
      }
      for (const next of steps) {
        if (next.do === 'advance') {
          await settle(next.ms)
          continue
        }
        const isOwed = next.do === 'fail' ? workers.working.has(next.key) : next.do !== 'end'
        if (isOwed) owed.add(next.key)
        if (next.do === 'end') workers.end(next.key)
        if (next.do === 'fail') workers.end(next.key, new Error('broken'))
        if (next.do === 'add') queue.add(next.key)
        if (next.do === 'addAfter') queue.addAfter(next.key, next.ms)
        await settle(0)
      }
      for (let round = 0; round < 20; round++) {
        for (const working of workers.working.keys()) workers.end(working)
        await settle(1000)
      }
      assert.deepEqual([...owed], [], 'keys that were never worked on')
      assert.equal(clock.pending, 0)
      await queue[Symbol.asyncDispose]()
    }),
    { seed: 7, numRuns: 150 },
  )
})
