// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signingRequestStrategy } from './signing-request-strategy.ts'

const context = {
  user: { name: 'ann', groups: ['dev'], uid: '1', extra: { scopes: ['x'] } },
  nowMs: Date.UTC(2026, 0, 1),
}
const request = (spec: Readonly<Record<string, unknown>>, status = {}) => ({
  apiVersion: 'certificates.k8s.io/v1',
  kind: 'CertificateSigningRequest',
  metadata: { name: 'a' },
  spec,
  status,
})
const approved = { type: 'Approved', status: 'True', reason: 'Ok' }
const stamped = {
  ...approved,
  lastUpdateTime: '2026-01-01T00:00:00Z',
  lastTransitionTime: '2026-01-01T00:00:00Z',
}

test('the requester is who authentication says, whatever the request says', () => {
  const object = request({ signerName: 'a.b/c', username: 'root', groups: ['system:masters'] })
  assert.deepEqual(signingRequestStrategy.prepareForCreate(object, context)['spec'], {
    signerName: 'a.b/c',
    username: 'ann',
    uid: '1',
    groups: ['dev'],
    extra: { scopes: ['x'] },
  })
})

test('an approval sets the conditions, with their time, and nothing else', () => {
  const old = request({ signerName: 'a.b/c' }, { certificate: 'Yg==' })
  const next = request({ signerName: 'other/c' }, { certificate: 'YQ==', conditions: [approved] })
  assert.deepEqual(
    signingRequestStrategy.prepareForUpdate(next, old, 'approval', context),
    request({ signerName: 'a.b/c' }, { certificate: 'Yg==', conditions: [stamped] }),
  )
})

test('a status update may issue the certificate but not change the approval', () => {
  const old = request({ signerName: 'a.b/c' }, { conditions: [stamped] })
  const changed = { ...stamped, reason: 'Other' }
  const next = request({ signerName: 'a.b/c' }, { certificate: 'YQ==', conditions: [changed] })
  assert.deepEqual(
    signingRequestStrategy.prepareForUpdate(next, old, 'status', context)['status'],
    { certificate: 'YQ==', conditions: [stamped] },
  )
})

test('a plain update changes neither what was asked nor the answer', () => {
  const old = request({ signerName: 'a.b/c' }, { conditions: [stamped] })
  const next = request({ signerName: 'other/c' })
  assert.deepEqual(signingRequestStrategy.prepareForUpdate(next, old, '', context), old)
})
