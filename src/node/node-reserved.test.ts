// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { compare, parseQuantity } from '../util/quantity.ts'
import { withoutReserved } from './node-reserved.ts'

const capacity = { cpu: '4', memory: '8Gi', 'ephemeral-storage': '100Gi', pods: '110' }

test('what is reserved for the machine and for the node adds up, and nothing else is touched', () => {
  const amounts = [{ cpu: '500m', memory: '1Gi' }, { memory: '512Mi' }]
  const left = withoutReserved(capacity, { capacity, reserved: { amounts, thresholds: {} } })
  assert.deepEqual(left, { ...capacity, cpu: '3500m', memory: '6656Mi' })
})

test('what must be left before pods are evicted is no pod’s either', () => {
  const thresholds = {
    'memory.available': '1Gi',
    'nodefs.available': '10%',
    'nodefs.inodesFree': '5%',
  }
  const left = withoutReserved(capacity, { capacity, reserved: { amounts: [], thresholds } })
  assert.deepEqual(left, { ...capacity, memory: '7Gi', 'ephemeral-storage': '90Gi' })
})

test('a node that reserves more than it has offers nothing', () => {
  const reserved = { amounts: [{ cpu: '9' }], thresholds: {} }
  assert.equal(withoutReserved(capacity, { capacity, reserved })['cpu'], '0')
})

test('whatever is reserved, what is left is between nothing and what there was', () => {
  const amount = fc.oneof(
    fc.nat(20).map(String),
    fc.nat(20_000).map((milli) => `${milli}m`),
  )
  fc.assert(
    fc.property(fc.array(fc.record({ cpu: amount }), { maxLength: 3 }), (amounts) => {
      const left = withoutReserved(capacity, { capacity, reserved: { amounts, thresholds: {} } })
      const cpu = parseQuantity(left['cpu'] ?? '')
      assert.ok(cpu.nanos >= 0n)
      assert.ok(compare(cpu, parseQuantity(capacity.cpu)) <= 0)
    }),
  )
})
