// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { containerLabels, sandboxLabels } from '../container/container-labels.ts'
import { findOrphans } from './orphan-sweep.ts'

const owner = { clusterId: 'c', nodeName: 'n' }
const nowMs = 10_000_000_000
const old = nowMs / 1000 - 3600

function sandbox(uid: string, created = old) {
  const labels = sandboxLabels(owner, { namespace: 'n', name: uid, uid })
  return summary(`sandbox-${uid}`, { labels, state: 'running', created })
}

function container(uid: string, state: string) {
  const key = { pod: { namespace: 'n', name: uid, uid }, name: 'main', attempt: 0 }
  const image = { name: 'i', reference: 'i' }
  const labels = containerLabels(owner, { key, image, spec: {} })
  return summary(`container-${uid}`, { labels, state, created: old })
}

function summary(
  Id: string,
  of: {
    readonly labels: Readonly<Record<string, string>>
    readonly state: string
    readonly created: number
  },
) {
  return {
    Id,
    Names: [],
    Image: '',
    ImageID: '',
    Labels: of.labels,
    State: of.state,
    Created: of.created,
  }
}

test('only old sandboxes that nobody knows, and old containers that never ran, are removed', () => {
  const all = [
    sandbox('orphan'),
    sandbox('known'),
    sandbox('new', nowMs / 1000 - 5),
    sandbox('used'),
    container('used', 'exited'),
    container('unstarted', 'created'),
    { ...sandbox('foreign'), Labels: {} },
  ]
  const isKnown = (uid: string): boolean => uid === 'known'
  assert.deepEqual(findOrphans({ all, nowMs, isKnown }), ['container-unstarted', 'sandbox-orphan'])
})
