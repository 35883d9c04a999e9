// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { proxyFromEnvironment } from './proxy-from-environment.ts'

test('takes the proxy of the scheme, from either spelling', () => {
  const env = { HTTPS_PROXY: 'http://a:1', http_proxy: 'b:2' }
  assert.equal(proxyFromEnvironment('https://k:6443', env), 'http://a:1')
  assert.equal(proxyFromEnvironment('http://k', env), 'http://b:2')
  assert.equal(proxyFromEnvironment('https://k', {}), undefined)
})

test('never takes a proxy to this machine', () => {
  for (const host of ['localhost', '127.0.0.1', '127.8.9.1', '[::1]']) {
    assert.equal(proxyFromEnvironment(`https://${host}:1`, { HTTPS_PROXY: 'http://a' }), undefined)
  }
})

test('leaves out what NO_PROXY covers', () => {
  const table: readonly (readonly [exceptions: string, server: string, isDirect: boolean])[] = [
    ['*', 'https://k', true],
    ['example.com', 'https://api.example.com', true],
    ['.example.com', 'https://api.example.com', true],
    ['*.example.com', 'https://api.example.com', true],
    ['example.com', 'https://badexample.com', false],
    ['a, 10.0.0.0/8', 'https://10.96.0.1', true],
    ['10.0.0.0/8', 'https://11.0.0.1', false],
    ['fd00::/8', 'https://[fd00::1]', true],
    ['fd00::1', 'https://[fd00::1]', true],
    ['nonsense/x', 'https://10.0.0.1', false],
    ['k:6443', 'https://k:6443', true],
    ['k:6443', 'https://k', false],
    ['', 'https://k', false],
  ]
  for (const [exceptions, server, isDirect] of table) {
    const env = { HTTPS_PROXY: 'http://a', NO_PROXY: exceptions }
    const proxy = proxyFromEnvironment(server, env)
    assert.equal(proxy === undefined, isDirect, `${exceptions} for ${server}`)
  }
})
