// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isProxyable } from './proxyable-address.ts'

test('takes addresses that others can reach', () => {
  for (const ip of ['10.1.2.3', '192.168.0.1', '8.8.8.8', 'fd00::1', '2001:db8::1']) {
    assert.equal(isProxyable(ip, []), true, ip)
  }
})

test('refuses loopback, link-local, multicast and what is no address', () => {
  const refused = ['127.0.0.1', '127.9.9.9', '169.254.169.254', '224.0.0.1', '0.0.0.0', '::1', '::']
  const more = ['fe80::1', 'ff02::1', '::ffff:127.0.0.1', 'localhost', '', '10.0.0.1.example']
  for (const ip of [...refused, ...more]) assert.equal(isProxyable(ip, ['10.0.0.1']), false, ip)
})

test('takes loopback where a node is there, too, and nothing else for that', () => {
  assert.equal(isProxyable('169.254.169.254', ['169.254.169.254']), false)
  assert.equal(isProxyable('127.0.0.1', ['127.0.0.1']), true)
})
