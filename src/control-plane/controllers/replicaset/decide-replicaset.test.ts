// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { readyStatus, templateFor } from '../../../../test/support/workload-objects.ts'
import type { Pod, ReplicaSet } from '../../../kube/types.gen.ts'
import { burstReplicas, decideReplicaSet } from './decide-replicaset.ts'

const nowMs = Date.UTC(2026, 0, 1)

function replicaSet(replicas: number, deletionTimestamp?: string): ReplicaSet {
  return {
    metadata: {
      name: 'web',
      namespace: 'default',
      uid: 'rs',
      ...(deletionTimestamp !== undefined && { deletionTimestamp }),
    },
    spec: { replicas, selector: {}, template: templateFor('web') },
  }
}

function podsOf(count: number): Pod[] {
  return Array.from({ length: count }, (_, index) => ({
    metadata: { name: `p${index}`, namespace: 'default', uid: `p${index}` },
    spec: { containers: [] },
    status: index % 2 === 0 ? readyStatus(nowMs) : { phase: 'Pending' },
  }))
}

test('actions close the gap, in bursts, and never go beyond it', () => {
  const count = fc.nat(1_500)
  fc.assert(
    fc.property(count, count, (wanted, have) => {
      const active = podsOf(have)
      const view = { replicaSet: replicaSet(wanted), active, related: () => active, nowMs }
      const { create, remove, isCapped } = decideReplicaSet(view)
      const after = have + create - remove.length
      assert.equal(new Set(remove).size, remove.length)
      assert.ok(create === 0 || remove.length === 0)
      assert.ok(create + remove.length <= burstReplicas)
      assert.ok(have < wanted ? after <= wanted : after >= wanted)
      assert.equal(isCapped, after !== wanted)
    }),
  )
})

test('a ReplicaSet that is being deleted is left alone', () => {
  const view = {
    replicaSet: replicaSet(3, '2026-01-01T00:00:00Z'),
    active: [],
    related: () => [],
    nowMs,
  }
  assert.deepEqual(decideReplicaSet(view), { create: 0, remove: [], isCapped: false })
})

test('pods that do nothing yet go before ready ones', () => {
  const active = podsOf(10)
  const { remove } = decideReplicaSet({
    replicaSet: replicaSet(5),
    active,
    related: () => active,
    nowMs,
  })
  assert.ok(remove.every(({ status }) => status?.phase === 'Pending'))
})
