// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { buildPod } from '../../test/support/build-pod.ts'
import type { Pod } from '../kube/types.gen.ts'
import { groupOf, planSeconds, shutdownGraceSeconds, shutdownPlan } from './shutdown-plan.ts'

const podOf = (priority?: number, terminationGracePeriodSeconds?: number): Pod =>
  buildPod({
    spec: {
      ...(priority !== undefined && { priority }),
      ...(terminationGracePeriodSeconds !== undefined && { terminationGracePeriodSeconds }),
    },
  })

test('one period is divided: the last part of it is for critical pods', () => {
  const plan = shutdownPlan({ totalSeconds: 30, criticalSeconds: 10, byPriority: [] })
  assert.deepEqual(plan, [
    { priority: 0, seconds: 20 },
    { priority: 2_000_000_000, seconds: 10 },
  ])
  assert.equal(groupOf(podOf(2_000_000_000), plan ?? []), 1)
  assert.equal(groupOf(podOf(1_999_999_999), plan ?? []), 0)
  assert.equal(groupOf(podOf(), plan ?? []), 0)
})

test('without a period pods run on', () => {
  const none = { totalSeconds: 0, criticalSeconds: 0, byPriority: [] }
  assert.equal(shutdownPlan(none), undefined)
})

test('a pod has its own grace, but not more than its group', () => {
  const group = { priority: 0, seconds: 20 }
  assert.equal(shutdownGraceSeconds(podOf(0, 5), group), 5)
  assert.equal(shutdownGraceSeconds(podOf(0, 60), group), 20)
  assert.equal(shutdownGraceSeconds(podOf(0), group), 20)
})

test('each pod is in the highest group that is not above it; higher priorities never end earlier', () => {
  const priorities = fc.integer({ min: -5, max: 5 })
  const groups = fc.uniqueArray(fc.record({ priority: priorities, seconds: fc.nat(60) }), {
    selector: ({ priority }) => priority,
    minLength: 1,
  })
  fc.assert(
    fc.property(groups, priorities, priorities, (byPriority, one, other) => {
      const plan = shutdownPlan({ totalSeconds: 0, criticalSeconds: 0, byPriority }) ?? []
      assert.equal(plan.length, byPriority.length)
      const [low, high] = one < other ? [one, other] : [other, one]
      assert.ok(groupOf(podOf(low), plan) <= groupOf(podOf(high), plan))
      const index = groupOf(podOf(low), plan)
      const lowest = Math.min(...byPriority.map(({ priority }) => priority))
      assert.ok((plan[index]?.priority ?? Infinity) <= Math.max(low, lowest))
      assert.ok((plan[index + 1]?.priority ?? Infinity) > low)
      assert.equal(
        planSeconds(plan),
        byPriority.reduce((sum, { seconds }) => sum + seconds, 0),
      )
    }),
  )
})
