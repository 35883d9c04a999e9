// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { buildNode } from '../../../../test/support/scheduling.ts'
import { taintsFor } from './node-taints.ts'
import type { EvictionMode } from './node-taints.ts'

const keys = [
  'node.kubernetes.io/not-ready',
  'node.kubernetes.io/unreachable',
  'node.kubernetes.io/disk-pressure',
  'example.com/mine',
]

describe('taintsFor', () => {
  it('comes to rest, leaves the taints of others, and never has two of one key and effect', () => {
    const taint = fc.record({
      key: fc.constantFrom(...keys),
      effect: fc.constantFrom('NoSchedule', 'NoExecute'),
    })
    const condition = fc.record({
      type: fc.constantFrom('Ready', 'DiskPressure', 'Other'),
      status: fc.constantFrom('True', 'False', 'Unknown'),
    })
    const mode = fc.constantFrom<EvictionMode>('evict', 'hold', 'none')
    const unique = { selector: (one: { key: string; effect: string }) => one.key + one.effect }
    const byType = { selector: (one: { type: string }) => one.type }
    fc.assert(
      fc.property(
        fc.uniqueArray(taint, unique),
        fc.uniqueArray(condition, byType),
        mode,
        fc.boolean(),
        (taints, conditions, evictionMode, unschedulable) => {
          const spec = { taints, unschedulable }
          const node = buildNode('one', { spec, status: { conditions } })
          const options = { mode: evictionMode, nowMs: 0 }
          const next = taintsFor(node, options) ?? taints
          assert.equal(taintsFor({ ...node, spec: { ...spec, taints: next } }, options), undefined)
          const mine = (all: readonly { key: string }[]) =>
            all.filter(({ key }) => key === 'example.com/mine')
          assert.deepEqual(mine(next), mine(taints))
          assert.equal(new Set(next.map(({ key, effect }) => key + effect)).size, next.length)
          const ready = conditions.find(({ type }) => type === 'Ready')
          const executes = next.filter(
            ({ key, effect }) => effect === 'NoExecute' && key !== keys[3],
          )
          if (ready && evictionMode === 'none') assert.equal(executes.length <= 1, true)
          if (ready?.status === 'True') {
            assert.deepEqual(
              executes.filter(({ key }) => key !== keys[2]),
              [],
            )
          }
        },
      ),
    )
  })
})
