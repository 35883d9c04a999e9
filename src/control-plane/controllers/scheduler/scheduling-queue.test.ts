// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { buildRequest } from '../../../../test/support/scheduling.ts'
import { podFacts } from './pod-facts.ts'
import { SchedulingQueue, maxWaitMs } from './scheduling-queue.ts'

const pod = (name: string, priority = 0) =>
  podFacts(buildRequest(name, {}, { metadata: { uid: name }, spec: { priority } }))

const drain = (queue: SchedulingQueue, nowMs = 0) => {
  const names: string[] = []
  for (let next = queue.pop(nowMs); next; next = queue.pop(nowMs)) names.push(next.pod.name)
  return names
}

describe('SchedulingQueue', () => {
  it('gives pods by priority and then by age', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -3, max: 3 }), { maxLength: 50 }), (priorities) => {
        const queue = new SchedulingQueue()
        const pods = priorities.map((priority, index) => ({ priority, name: `p${index}`, index }))
        for (const { name, priority } of pods) queue.add(pod(name, priority))
        const expected = pods.sort((a, b) => b.priority - a.priority || a.index - b.index)
        assert.deepEqual(
          drain(queue),
          expected.map(({ name }) => name),
        )
      }),
    )
  })

  it('keeps each pod once and gives none that was removed', () => {
    const step = fc.tuple(fc.constantFrom('add', 'remove', 'fail', 'wake'), fc.nat(6))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new SchedulingQueue()
        const known = new Set<string>()
        for (const [what, number] of steps) {
          const name = `p${number}`
          if (what === 'wake') queue.wake(0)
          else if (what === 'fail') {
            const popped = queue.pop(0)
            if (popped) queue.fail(popped, 0)
          } else if (what === 'add') {
            queue.add(pod(name))
            known.add(name)
          } else {
            queue.remove(name)
            known.delete(name)
          }
          assert.equal(queue.size, known.size)
        }
        queue.wake(0)
        assert.deepEqual(drain(queue).sort(), [...known].sort())
      }),
    )
  })

  it('lets a pod that failed wait for a change, or for five minutes', () => {
    const queue = new SchedulingQueue()
    queue.add(pod('a'))
    const popped = queue.pop(0)
    assert.ok(popped)
    queue.fail(popped, 0)
    assert.deepEqual(drain(queue, maxWaitMs - 1), [])
    assert.equal(queue.nextDueMs(), maxWaitMs)
    assert.deepEqual(drain(queue, maxWaitMs), ['a'])
  })

  it('lets newer pods go before one that backs off, unless there are none', () => {
    const queue = new SchedulingQueue()
    queue.add(pod('a'))
    const popped = queue.pop(0)
    assert.ok(popped)
    queue.fail(popped, 0)
    queue.wake(10)
    queue.add(pod('b'))
    assert.deepEqual(drain(queue, 10), ['b', 'a'])
  })

  it('does not repeat an error before its back-off is over', () => {
    const queue = new SchedulingQueue()
    queue.add(pod('a'))
    const popped = queue.pop(0)
    assert.ok(popped)
    queue.retryLater(popped, 0)
    assert.deepEqual(drain(queue, 999), [])
    assert.deepEqual(drain(queue, 1000), ['a'])
  })
})
