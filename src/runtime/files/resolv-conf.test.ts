// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { parseResolvConf, resolvConfText } from './resolv-conf.ts'

test('servers add up, the last search line counts, options replace each other by name', () => {
  const text = [
    '# nameserver 9.9.9.9',
    'nameserver 10.0.0.1',
    '  nameserver\t10.0.0.2 trailing words',
    'search old.example',
    'search a.example. . b.example',
    'options ndots:1 rotate',
    'options ndots:3',
    'domain ignored.example',
    'nameserverx 1.1.1.1',
  ].join('\n')
  assert.deepEqual(parseResolvConf(text), {
    servers: ['10.0.0.1', '10.0.0.2'],
    searches: ['a.example', 'b.example'],
    options: ['ndots:3', 'rotate'],
  })
})

test('an empty file asks for nothing', () => {
  assert.deepEqual(parseResolvConf(''), { servers: [], searches: [], options: [] })
  assert.equal(resolvConfText(parseResolvConf('')), '')
})

test('a server without an address spoils the file', () => {
  assert.throws(() => parseResolvConf('nameserver \n'), /nameserver list is empty/)
})

test('what is written is what is read again', () => {
  const word = fc.stringMatching(/^[a-z0-9]{1,8}$/)
  const lists = { servers: fc.array(word), searches: fc.array(word), options: fc.uniqueArray(word) }
  const config = fc.record(lists, { noNullPrototype: true })
  fc.assert(
    fc.property(config, (written) => {
      assert.deepEqual(parseResolvConf(resolvConfText(written)), written)
    }),
  )
})
