// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubeObject } from '../objects/kube-object.ts'
import { findResource, resourceDefinitions } from '../resources/registry.ts'
import { expectedCells } from '../../../test/support/expected-cells.ts'
import { expectedWorkloadCells } from '../../../test/support/expected-workload-cells.ts'
import { printerOf, printerOfKind } from './printers.ts'

const nowMs = Date.parse('2026-01-02T00:10:00Z')

const creationTimestamp = '2026-01-02T00:09:00Z'

for (const { of: kind, what, object, shows, columns } of [
  ...expectedCells,
  ...expectedWorkloadCells,
]) {
  test(`shows ${what} (${kind[1]})`, () => {
    const printer = printerOfKind(...kind)
    const names = printer.columns.map(({ name, priority }) => `${name}${priority ? '*' : ''}`)
    assert.equal(names.join('|'), columns)
    const metadata = { name: 'x', creationTimestamp, ...(object['metadata'] as object) }
    const given: KubeObject = { apiVersion: '', kind: kind[1], ...object, metadata }
    const cells = printer.row(given, nowMs)
    const agePlace = names.indexOf('Age')
    assert.equal(cells[0], 'x')
    if (agePlace > 0) assert.equal(cells[agePlace], '60s')
    assert.deepEqual(
      cells.filter((_, place) => place !== 0 && place !== agePlace),
      shows,
    )
  })
}

const bareEvent = {
  apiVersion: 'v1',
  kind: 'Event',
  metadata: { name: 'e', namespace: 'shop', creationTimestamp },
  involvedObject: { kind: 'Pod', name: 'web', fieldPath: 'spec.containers{a}' },
  type: 'Normal',
  reason: 'Pulled',
  message: '  done \n',
}
const event = {
  ...bareEvent,
  source: { component: 'kubelet', host: 'n1' },
  firstTimestamp: '2026-01-01T00:10:00Z',
  lastTimestamp: '2026-01-02T00:05:00Z',
  count: 4,
}
const shownEvent = ['Normal', 'Pulled', 'pod/web', 'spec.containers{a}']

test('shows when an event came first and last', () => {
  const cells = ['5m', ...shownEvent, 'kubelet, n1', 'done', '24h', 4, 'e']
  assert.deepEqual(printerOfKind('', 'Event').row(event, nowMs), cells)
})

test('shows events that are counted in a series, and those that came once', () => {
  const { row } = printerOfKind('', 'Event')
  const single = {
    ...bareEvent,
    eventTime: '2026-01-02T00:08:00.500000Z',
    reportingComponent: 'example.org/ctl',
    reportingInstance: 'ctl-1',
  }
  const from = 'example.org/ctl, ctl-1'
  assert.deepEqual(row(single, nowMs), ['119s', ...shownEvent, from, 'done', '119s', 1, 'e'])
  const series = { count: 7, lastObservedTime: '2026-01-02T00:09:30.000000Z' }
  const repeated = row({ ...single, series }, nowMs)
  assert.deepEqual(repeated, ['30s', ...shownEvent, from, 'done', '119s', 7, 'e'])
})

test('shows events that do not say when', () => {
  const times = { firstTimestamp: null, lastTimestamp: null, eventTime: null }
  const cells = printerOfKind('', 'Event').row({ ...bareEvent, ...times }, nowMs)
  assert.deepEqual(cells, ['<unknown>', ...shownEvent, '', 'done', '<unknown>', 1, 'e'])
})

test('shows the same event in both groups', () => {
  const core = findResource('', 'v1', 'events')
  const grouped = findResource('events.k8s.io', 'v1', 'events')
  assert.ok(core && grouped?.fromStorage)
  const shown = printerOf(grouped)?.row(grouped.fromStorage(event), nowMs)
  assert.deepEqual(shown, printerOf(core)?.row(event, nowMs))
})

test('makes one cell for each column, whatever is missing of an object', () => {
  for (const resource of resourceDefinitions) {
    const printer = printerOf(resource)
    if (!printer) continue
    const object = {
      apiVersion: 'v1',
      kind: resource.kind,
      metadata: { name: 'x' },
      spec: { containers: [], template: {}, jobTemplate: {}, schedule: '@daily' },
      roleRef: {},
      involvedObject: {},
      regarding: {},
      handler: '',
      revision: 1,
    }
    const cells = printer.row(object, nowMs)
    assert.equal(cells.length, printer.columns.length, resource.kind)
    const isFilled = cells.every((cell) => ['string', 'number', 'boolean'].includes(typeof cell))
    assert.ok(isFilled, `${resource.kind}: ${cells.join('|')}`)
  }
})

test('has no table for what is only asked for once', () => {
  const review = findResource('authorization.k8s.io', 'v1', 'subjectaccessreviews')
  assert.ok(review)
  assert.equal(printerOf(review), undefined)
})
