// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toCoreEvent, toGroupEvent } from './event-forms.ts'

const stored = {
  apiVersion: 'v1',
  kind: 'Event',
  metadata: { name: 'a', namespace: 'default' },
  involvedObject: { kind: 'Pod', name: 'p' },
  reason: 'Started',
  message: 'Container started',
  source: { component: 'kubelet' },
  firstTimestamp: '2026-01-01T00:00:00Z',
  lastTimestamp: '2026-01-01T00:00:00Z',
  count: 2,
  type: 'Normal',
  eventTime: null,
  reportingComponent: 'kubelet',
  reportingInstance: 'n',
}

test('an event of v1 reads under the names of events.k8s.io', () => {
  assert.deepEqual(toGroupEvent(stored), {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name: 'a', namespace: 'default' },
    regarding: { kind: 'Pod', name: 'p' },
    reason: 'Started',
    note: 'Container started',
    deprecatedSource: { component: 'kubelet' },
    deprecatedFirstTimestamp: '2026-01-01T00:00:00Z',
    deprecatedLastTimestamp: '2026-01-01T00:00:00Z',
    deprecatedCount: 2,
    type: 'Normal',
    eventTime: null,
    reportingController: 'kubelet',
    reportingInstance: 'n',
  })
})

test('both ways lose nothing', () => {
  assert.deepEqual(toCoreEvent(toGroupEvent(stored)), stored)
})
