// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { socketAddress } from './socket-address.ts'

/** The bytes again, in hexadecimal. */
function hexOf(host: string, port: number): string {
  return socketAddress({ host, port }).replaceAll(/./g, (letter) =>
    (letter.charCodeAt(0) - 97).toString(16),
  )
}

test('addresses are as the kernel has them', () => {
  assert.equal(hexOf('10.1.2.255', 8080), `02001f900a0102ff${'0'.repeat(16)}`)
  const ipv6 = (groups: string): string => `0a001f9000000000${groups}00000000`
  assert.equal(hexOf('fd00::a:1', 8080), ipv6('fd0000000000000000000000000a0001'))
  assert.equal(hexOf('::1', 8080), ipv6('00000000000000000000000000000001'))
  assert.equal(hexOf('1:2:3:4:5:6:7:8', 8080), ipv6('00010002000300040005000600070008'))
  assert.equal(hexOf('::ffff:10.0.0.1', 8080), ipv6('00000000000000000000ffff0a000001'))
})
