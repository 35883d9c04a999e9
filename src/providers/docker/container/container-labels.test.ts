// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  containerLabels,
  engineName,
  isOwn,
  readLabels,
  sandboxLabels,
} from './container-labels.ts'

const owner = { clusterId: 'cluster', nodeName: 'node' }
const pod = { namespace: 'default', name: 'web', uid: '0-1-2' }
const key = { pod, name: 'main', attempt: 3 }
const image = { name: 'busybox', reference: 'busybox@sha256:1' }

test('labels are read back as what they were made from', () => {
  const labels = containerLabels(owner, { key, image, spec: { name: 'main' } })
  assert.deepEqual(readLabels(labels), { kind: 'container', key, image })
  assert.deepEqual(readLabels(sandboxLabels(owner, pod)), { kind: 'sandbox', pod })
})

test('labels that are not whole are nobody’s', () => {
  const labels = containerLabels(owner, { key, image, spec: {} })
  for (const name of ['pod.uid', 'pod.name', 'pod.namespace', 'kind', 'container', 'attempt']) {
    const { [`io.virtual-kubelet.${name}`]: _, ...rest } = labels
    assert.equal(readLabels(rest), undefined, `without ${name}`)
  }
  assert.equal(readLabels(null), undefined)
})

test("another node's or cluster's is not ours, whatever else its labels say", () => {
  const labels = sandboxLabels(owner, pod)
  assert.ok(isOwn(owner, labels))
  assert.ok(!isOwn({ ...owner, nodeName: 'other' }, labels))
  assert.ok(!isOwn({ ...owner, clusterId: 'other' }, labels))
  assert.ok(!isOwn(owner, undefined))
})

test('another spec has another hash', () => {
  const hash = (spec: object): string | undefined =>
    containerLabels(owner, { key, image, spec })['io.virtual-kubelet.spec']
  assert.notEqual(hash({ a: 1 }), hash({ a: 2 }))
  assert.equal(hash({ a: 1 }), hash({ a: 1 }))
})

test('names of engines take what a pod may be called', () => {
  const long = { ...pod, name: `${'p'.repeat(250)}.x` }
  const name = engineName(long, key)
  assert.match(name, /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/)
  assert.ok(name.length < 200)
})
