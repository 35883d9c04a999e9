// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { buildNode } from '../../../../test/support/scheduling.ts'
import type { Lease } from '../../../kube/types.gen.ts'
import { judgeHealth } from './node-health.ts'
import type { NodeHealth } from './node-health.ts'

const options = { graceMs: 50_000, startupGraceMs: 60_000 }

const leaseOf = (renewTime: string): Lease => ({
  metadata: { name: 'one', namespace: 'kube-node-lease', uid: 'u' },
  spec: { renewTime },
})
const nodeWith = (lastHeartbeatTime: string) =>
  buildNode('one', {
    status: { conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime }] },
  })

describe('judgeHealth', () => {
  it('gives a node up exactly when neither heartbeat came for its grace, whatever clock it has', () => {
    const look = fc.record({
      afterMs: fc.integer({ min: 1, max: 40_000 }),
      beat: fc.constantFrom('none', 'lease', 'status'),
    })
    fc.assert(
      fc.property(
        fc.array(look, { maxLength: 30 }),
        fc.date({ noInvalidDate: true }),
        (looks, theirs) => {
          let nowMs = 0
          let lastBeatMs = 0
          let [renewals, beats] = [0, 0]
          let health: NodeHealth | undefined
          const judge = () => {
            // The node's clock is far off and hardly moves; only that it moves counts.
            const renewTime = new Date(Date.UTC(2000, 0, 1) + renewals).toISOString()
            const node = nodeWith(`${theirs.toISOString()} ${beats}`)
            const before = health
            return judgeHealth({ node, lease: leaseOf(renewTime) }, before, { ...options, nowMs })
          }
          health = judge().health
          for (const { afterMs, beat } of looks) {
            nowMs += afterMs
            if (beat === 'lease') renewals += 1
            if (beat === 'status') beats += 1
            if (beat !== 'none') lastBeatMs = nowMs
            const verdict = judge()
            health = verdict.health
            assert.equal(verdict.conditions !== undefined, nowMs - lastBeatMs > options.graceMs)
          }
        },
      ),
    )
  })

  it('keeps conditions that are not the node', () => {
    const conditions = [
      { type: 'Ready', status: 'True' },
      { type: 'NetworkUnavailable', status: 'False' },
    ]
    const node = buildNode('one', { status: { conditions } })
    const health = { probeMs: 0, heartbeat: '', leaseRenewTime: undefined }
    const { conditions: next } = judgeHealth({ node, lease: undefined }, health, {
      ...options,
      nowMs: 60_000,
    })
    assert.deepEqual(
      next?.map(({ type, status }) => `${type} ${status}`),
      [
        'Ready Unknown',
        'NetworkUnavailable False',
        'MemoryPressure Unknown',
        'DiskPressure Unknown',
        'PIDPressure Unknown',
      ],
    )
  })
})
