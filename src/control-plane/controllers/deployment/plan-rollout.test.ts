// SPDX-License-Identifier: Apache-2.0
// Random rollouts: pods become available and break at will while the plan is carried out step by step.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { templateFor } from '../../../../test/support/workload-objects.ts'
import type { Deployment, ReplicaSet } from '../../../kube/types.gen.ts'
import { availableOf, replicasOf, sum } from './deployment-view.ts'
import { planRolling } from './plan-rollout.ts'
import { rolloutLimits } from './rollout-limits.ts'

const shape = fc.record({
  replicas: fc.nat(20),
  maxSurge: fc.oneof(fc.nat(5), fc.constantFrom('0%', '1%', '25%', '100%')),
  maxUnavailable: fc.oneof(fc.nat(5), fc.constantFrom('0%', '1%', '25%', '100%')),
  oldSizes: fc.array(fc.nat(12), { maxLength: 3 }),
})

type Shape = typeof shape extends fc.Arbitrary<infer T> ? T : never

function deploymentOf({ replicas, maxSurge, maxUnavailable }: Shape): Deployment {
  return {
    metadata: { name: 'web', namespace: 'default', uid: 'd' },
    spec: {
      replicas,
      selector: {},
      template: templateFor('web'),
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } },
    },
  }
}

function setOf(name: string, replicas: number, available: number): ReplicaSet {
  return {
    metadata: { name, namespace: 'default', uid: name },
    spec: { replicas, selector: {} },
    status: { replicas, availableReplicas: available },
  }
}

/** A ReplicaSet that shrinks gives up what is not available first. */
function resized(one: ReplicaSet, size: number): ReplicaSet {
  return setOf(one.metadata.name, size, Math.min(availableOf(one), size))
}

interface State {
  readonly current: ReplicaSet
  readonly old: readonly ReplicaSet[]
}

function step(deployment: Deployment, { current, old }: State): State | undefined {
  const sizes = planRolling({ deployment, current, old })
  if (sizes.size === 0) return undefined
  const apply = (one: ReplicaSet): ReplicaSet => {
    const size = sizes.get(one)
    return size === undefined ? one : resized(one, size)
  }
  return { current: apply(current), old: old.map(apply) }
}

function checkStep(deployment: Deployment, before: State, after: State): void {
  const { replicas = 1 } = deployment.spec
  const { maxSurge, maxUnavailable } = rolloutLimits(deployment)
  const [all, allBefore] = [
    [...after.old, after.current],
    [...before.old, before.current],
  ]
  const [total, totalBefore] = [sum(all, replicasOf), sum(allBefore, replicasOf)]
  const [available, availableBefore] = [sum(all, availableOf), sum(allBefore, availableOf)]
  assert.ok(total <= Math.max(totalBefore, replicas + maxSurge), 'no more than maxSurge beyond')
  const least = Math.min(availableBefore, replicas - maxUnavailable)
  const isShrinkingNew = replicasOf(before.current) > replicas
  assert.ok(isShrinkingNew || available >= least, 'no more than maxUnavailable missing')
  for (const one of all) assert.ok(replicasOf(one) >= 0)
}

test('no step goes beyond the limits, whatever happens to the pods', () => {
  const availability = fc.array(fc.nat(100), { minLength: 4, maxLength: 4 })
  fc.assert(
    fc.property(shape, fc.array(availability, { maxLength: 30 }), (given, moments) => {
      const deployment = deploymentOf(given)
      let state: State = {
        current: setOf('new', 0, 0),
        old: given.oldSizes.map((size, index) => setOf(`old-${index}`, size, size)),
      }
      for (const percents of moments) {
        const [first = 0, ...others] = percents
        const withAvailable = (one: ReplicaSet, percent: number): ReplicaSet =>
          setOf(one.metadata.name, replicasOf(one), Math.floor((replicasOf(one) * percent) / 100))
        state = {
          current: withAvailable(state.current, first),
          old: state.old.map((one, index) => withAvailable(one, others[index] ?? 0)),
        }
        const next = step(deployment, state)
        if (!next) continue
        checkStep(deployment, state, next)
        state = next
      }
    }),
  )
})

test('a rollout whose pods become available ends', () => {
  fc.assert(
    fc.property(shape, (given) => {
      const deployment = deploymentOf(given)
      let state: State = {
        current: setOf('new', 0, 0),
        old: given.oldSizes.map((size, index) => setOf(`old-${index}`, size, size)),
      }
      for (let turns = 0; turns < 200; turns += 1) {
        const next = step(deployment, state)
        const healthy = (one: ReplicaSet): ReplicaSet =>
          setOf(one.metadata.name, replicasOf(one), replicasOf(one))
        const { current, old } = next ?? state
        state = { current: healthy(current), old: old.map(healthy) }
      }
      assert.equal(replicasOf(state.current), given.replicas)
      assert.equal(sum(state.old, replicasOf), 0)
    }),
  )
})
