// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { TestAuthority } from '../../../test/support/kubelet-certificates.ts'
import { clientWish, fulfils, requestNameOf, servingWish } from './certificate-wish.ts'
import { makeKey, publicKeyOf } from './node-key.ts'
import { rotationDeadlineMs } from './rotation-deadline.ts'

test('a serving certificate is for the addresses of the Node, each once and by its sort', () => {
  const wish = servingWish('one', [
    { type: 'Hostname', address: 'one.example' },
    { type: 'Hostname', address: '10.0.0.9' },
    { type: 'InternalIP', address: 'fd00::1' },
    { type: 'InternalIP', address: '10.0.0.1' },
    { type: 'ExternalIP', address: '10.0.0.1' },
    { type: 'InternalDNS', address: 'one.internal' },
    { type: 'ExternalDNS', address: '' },
    { type: 'InternalIP', address: 'no address' },
  ])
  assert.deepEqual(wish?.dnsNames, ['one.example', 'one.internal'])
  assert.deepEqual(wish.ipAddresses, ['10.0.0.1', '10.0.0.9', 'fd00::1'])
  assert.equal(wish.commonName, 'system:node:one')
})

test('no serving certificate is asked for before the Node has an IP address', () => {
  assert.equal(servingWish('one', []), undefined)
  assert.equal(servingWish('one', [{ type: 'Hostname', address: 'one' }]), undefined)
})

test('a certificate that lacks an address is no longer what the node needs', async () => {
  const authority = await TestAuthority.create('test')
  const request = { commonNames: ['system:node:one'], ipAddresses: ['10.0.0.1', 'fd00::1'] }
  const { cert } = await authority.issue({ ...request, usage: 'server' })
  const of = (...ips: readonly string[]) =>
    servingWish(
      'one',
      ips.map((address) => ({ type: 'InternalIP', address })),
    ) ?? assert.fail()
  assert.equal(fulfils(cert, of('10.0.0.1')), true)
  assert.equal(fulfils(cert, of('fd00:0::1', '10.0.0.1')), true)
  assert.equal(fulfils(cert, of('10.0.0.1', '10.0.0.2')), false)
  assert.equal(fulfils(cert, clientWish('two')), false)
})

test('the name of a request stands for its key and all that it asks for', async () => {
  const [key, other] = [publicKeyOf(await makeKey()), publicKeyOf(await makeKey())]
  const names = [
    requestNameOf(clientWish('one'), key),
    requestNameOf(clientWish('two'), key),
    requestNameOf(clientWish('one'), other),
  ]
  assert.equal(new Set(names).size, 3)
  assert.equal(requestNameOf(clientWish('one'), key), names[0])
  for (const name of names) assert.match(name, /^node-csr-[\w-]{43}$/)
})

test('a certificate is renewed after 70 to 90 % of its life', async () => {
  const authority = await TestAuthority.create('test')
  const notBefore = new Date('2026-01-01T00:00:00Z')
  const notAfter = new Date('2026-01-01T01:40:00Z')
  const { cert } = await authority.issue({ commonNames: ['x'], notBefore, notAfter })
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (chance) => {
      const minutes = (rotationDeadlineMs(cert, chance) - notBefore.getTime()) / 60_000
      assert.ok(minutes >= 70 && minutes <= 90.000001, `${minutes}`)
    }),
  )
})
