// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import { FakeClock } from '../util/fake-clock.ts'
import { silentLogger } from '../util/logger.ts'
import { StepLoop } from './step-loop.ts'

/** A loop whose steps wait until they are let go, with what has happened in order. */
function openLoop() {
  const clock = new FakeClock()
  const lifetime = new AbortController()
  const seen: string[] = []
  const steps: PromiseWithResolvers<void>[] = []
  const loop = new StepLoop({
    clock,
    log: silentLogger,
    signal: lifetime.signal,
    woken: () => void seen.push('woken'),
    step: async () => {
      seen.push('step')
      const step = Promise.withResolvers<void>()
      steps.push(step)
      await step.promise
    },
    rested: () => void seen.push('rested'),
  })
  const end = async (error?: Error): Promise<void> => {
    const step = steps.shift() ?? assert.fail('no step is under way')
    if (error) step.reject(error)
    else step.resolve()
    await turn()
  }
  const take = (): string[] => seen.splice(0)
  return { clock, lifetime, loop, end, take }
}

test('steps follow one another as long as something happens meanwhile', async () => {
  const { loop, end, take } = openLoop()
  loop.wake()
  // Not in the middle of what whoever wakes it is about.
  assert.deepEqual(take(), ['woken'])
  await turn()
  assert.deepEqual(take(), ['step'])
  loop.wake()
  loop.wake()
  assert.deepEqual(take(), ['woken', 'woken'])
  await end()
  assert.deepEqual(take(), ['step'])
  loop.repeat()
  await end()
  assert.deepEqual(take(), ['step'])
  await end()
  assert.deepEqual(take(), ['rested'])
})

test('a step that failed is tried again after a pause, which news do not wait for', async () => {
  const { clock, loop, end, take } = openLoop()
  loop.wake()
  await turn()
  await end(new Error('no'))
  await clock.advance(9999)
  assert.deepEqual(take(), ['woken', 'step'])
  await clock.advance(1)
  assert.deepEqual(take(), ['woken', 'step'])
  loop.wake()
  await end(new Error('no'))
  await clock.advance(50)
  assert.deepEqual(take(), ['woken', 'woken', 'step'])
  await end()
  assert.deepEqual(take(), ['rested'])
  assert.equal(clock.pending, 0)
})

test('it wakes at the time that was named last, or at an earlier one that was named by the way', async () => {
  const { clock, loop, take } = openLoop()
  const nowMs = clock.nowMs()
  loop.wakeAt(nowMs + 1000)
  loop.wakeAt(nowMs + 3000)
  loop.wakeBy(nowMs + 5000)
  await clock.advance(2999)
  assert.deepEqual(take(), [])
  await clock.advance(1)
  assert.deepEqual(take(), ['woken', 'step'])
  loop.wakeAt(Infinity)
  loop.wakeBy(nowMs + 4000)
  assert.equal(clock.nextInMs, 1000)
  // What is over must not make it spin.
  loop.wakeAt(nowMs)
  assert.equal(clock.nextInMs, 50)
})

test('once its pod is let go it begins nothing, and its end waits for the step under way', async () => {
  const { lifetime, loop, end, take } = openLoop()
  loop.wake()
  await turn()
  lifetime.abort()
  loop.wake()
  let isOver = false
  const ending = loop[Symbol.asyncDispose]().then(() => void (isOver = true))
  await turn()
  assert.equal(isOver, false)
  await end()
  await ending
  loop.wake()
  await turn()
  assert.deepEqual(take(), ['woken', 'step', 'rested'])
})
