// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubeObject } from '../../objects/kube-object.ts'
import { inNamespace, keepIdentity } from './keep-identity.ts'

const old = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'a',
    uid: 'u',
    creationTimestamp: '2026-01-01T00:00:00Z',
    deletionTimestamp: '2026-01-01T00:01:00Z',
    deletionGracePeriodSeconds: 30,
  },
}

test('an update that leaves out who the object is keeps it', () => {
  assert.deepEqual(keepIdentity({ ...old, metadata: { name: 'a' } }, old), old)
})

test('an update that names another uid keeps naming it, for validation to refuse', () => {
  const next = keepIdentity({ ...old, metadata: { name: 'a', uid: 'other' } }, old)
  assert.equal(next.metadata.uid, 'other')
})

test('an object gets the namespace of its request', () => {
  const object: KubeObject = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } }
  assert.equal(inNamespace(object, 'web').metadata.namespace, 'web')
})

test('an object that names another namespace than its request is a bad request', () => {
  const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a', namespace: 'db' } }
  assert.throws(
    () => inNamespace(object, 'web'),
    /the namespace of the provided object does not match the namespace sent on the request/,
  )
})

test('an object without a namespace loses the one it names', () => {
  const object = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'a', namespace: 'db' } }
  assert.deepEqual(inNamespace(object, '').metadata, { name: 'a' })
})
