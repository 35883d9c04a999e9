// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { buildNode } from '../../../../test/support/scheduling.ts'
import { disruptionOf } from './zone-disruption.ts'

function zone(name: string, ready: number, notReady: number) {
  return Array.from({ length: ready + notReady }, (_, index) =>
    buildNode(`${name}${index}`, {
      labels: { 'topology.kubernetes.io/zone': name },
      status: { conditions: [{ type: 'Ready', status: index < ready ? 'True' : 'Unknown' }] },
    }),
  )
}

function periodOf(...zones: (readonly ReturnType<typeof buildNode>[])[]): number {
  const node = zones[0]?.[0]
  assert.ok(node)
  return disruptionOf(zones.flat()).periodMsOf(node)
}

describe('disruptionOf', () => {
  it('slows down, and stops, by how much of a zone is gone', () => {
    assert.equal(periodOf(zone('a', 9, 2)), 10_000)
    assert.equal(periodOf(zone('a', 1, 2)), 10_000)
    assert.equal(periodOf(zone('a', 4, 6)), Infinity)
    assert.equal(periodOf(zone('a', 40, 60)), 100_000)
  })

  it('gives up a whole zone at the usual rate while another one answers, and none otherwise', () => {
    assert.equal(periodOf(zone('a', 0, 5), zone('b', 1, 0)), 10_000)
    assert.equal(periodOf(zone('a', 0, 5), zone('b', 0, 1)), Infinity)
    assert.equal(disruptionOf(zone('a', 0, 1)).isTotal, true)
  })
})
