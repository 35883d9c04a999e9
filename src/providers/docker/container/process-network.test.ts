// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { networkOfProcess, parseDevices } from './process-network.ts'

const time = '2026-01-01T00:00:00.000Z'

test('the device of a pod is read, loopback is not', () => {
  const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     120       2    0    0    0     0          0         0      120       2    0    0    0     0       0          0
  eth0: 5312724    4734    1    0    0     0          0         0   209402    3173    2    0    0     0       0          0
`
  const expected = { time, name: 'eth0', rxBytes: 5312724, rxErrors: 1, txBytes: 209402 }
  assert.deepEqual(parseDevices(text, time), { ...expected, txErrors: 2 })
  assert.equal(parseDevices(text.replace(/ {2}eth0.*\n/, ''), time), undefined)
  assert.equal(parseDevices('eth0: what', time), undefined)
})

test('a process that is not the container’s tells nothing', async () => {
  const engineId = 'f'.repeat(64)
  assert.equal(await networkOfProcess(process.pid, { engineId, time }), undefined)
  assert.equal(await networkOfProcess(0, { engineId, time }), undefined)
})
