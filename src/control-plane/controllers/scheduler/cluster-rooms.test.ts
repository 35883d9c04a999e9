// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { buildNode, buildRequest } from '../../../../test/support/scheduling.ts'
import { ClusterRooms } from './cluster-rooms.ts'
import { podFacts } from './pod-facts.ts'

describe('ClusterRooms', () => {
  it('keeps sums that equal those of the pods on each node, after any history', () => {
    const step = fc.record({
      what: fc.constantFrom('place', 'take', 'node', 'noNode'),
      pod: fc.nat(9),
      node: fc.constantFrom('a', 'b', 'c'),
      cpu: fc.nat(4000),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const rooms = new ClusterRooms()
        const places = new Map<string, { node: string; cpu: number }>()
        for (const { what, pod, node, cpu } of steps) {
          const uid = `uid-${pod}`
          if (what === 'node') rooms.setNode(buildNode(node))
          else if (what === 'noNode') rooms.removeNode(node)
          else if (what === 'take') {
            rooms.take(uid)
            places.delete(uid)
          } else {
            const request = buildRequest('p', { cpu: `${cpu}m` }, { metadata: { uid } })
            rooms.place(podFacts(request), node)
            places.set(uid, { node, cpu })
          }
        }
        for (const { name, requested, pods } of rooms.rooms) {
          const here = [...places.values()].filter(({ node }) => node === name)
          assert.equal(pods.size, here.length)
          assert.equal(
            requested.milliCpu,
            here.reduce((sum, { cpu }) => sum + cpu, 0),
          )
        }
      }),
    )
  })
})
