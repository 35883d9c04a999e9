// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { ConnectionQuota } from './connection-quota.ts'

let port = 0

/** As much of a socket as is looked at. */
function socketFrom(remoteAddress: string): Socket {
  port += 1
  return Object.assign(new EventEmitter(), { remoteAddress, remotePort: port }) as unknown as Socket
}

test('an address has so many connections, and fewer while nobody on them is known', () => {
  const quota = new ConnectionQuota({ maxPerAddress: 3, maxUnknownPerAddress: 2 })
  const [first, second] = [socketFrom('10.0.0.1'), socketFrom('10.0.0.1')]
  assert.ok(quota.admit(first) && quota.admit(second))
  assert.equal(quota.admit(socketFrom('10.0.0.1')), false)
  assert.ok(quota.admit(socketFrom('10.0.0.2')))
  quota.noteCaller(first)
  quota.noteCaller(first)
  const third = socketFrom('10.0.0.1')
  assert.ok(quota.admit(third))
  quota.noteCaller(second)
  quota.noteCaller(third)
  assert.equal(quota.admit(socketFrom('10.0.0.1')), false)
  first.emit('close')
  assert.ok(quota.admit(socketFrom('10.0.0.1')))
})

test('a network of IPv6 is one client, an IPv4 address in its IPv6 form is itself', () => {
  const quota = new ConnectionQuota({ maxPerAddress: 1, maxUnknownPerAddress: 1 })
  assert.ok(quota.admit(socketFrom('2001:db8:1:2::1')))
  assert.equal(quota.admit(socketFrom('2001:db8:1:2:ffff::2')), false)
  assert.ok(quota.admit(socketFrom('2001:db8:1:3::1')))
  assert.ok(quota.admit(socketFrom('::ffff:10.0.0.1')))
  assert.ok(quota.admit(socketFrom('::ffff:10.0.0.2')))
})

test('whatever comes and goes, nothing is left counted', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 2 }), { maxLength: 40 }), (steps) => {
      const quota = new ConnectionQuota({ maxPerAddress: 5, maxUnknownPerAddress: 3 })
      const open: Socket[] = []
      for (const step of steps) {
        const socket = socketFrom('10.0.0.1')
        if (step === 0 && quota.admit(socket)) open.push(socket)
        if (step === 1 && open[0]) quota.noteCaller(open[0])
        if (step === 2) open.shift()?.emit('close')
        assert.ok(open.length <= 5)
      }
      for (const socket of open) socket.emit('close')
      for (let i = 0; i < 3; i += 1) assert.ok(quota.admit(socketFrom('10.0.0.1')))
    }),
  )
})
