// SPDX-License-Identifier: Apache-2.0
// Who is recorded as the one who changed something.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubeObject } from '../objects/kube-object.ts'
import { schemaOf } from '../schema/schema-of.ts'
import { isTracked, managerOf, trackUpdate } from './track-update.ts'

const schema = schemaOf('v1', 'Pod')
assert.ok(schema)
const podSchema = schema
const nowMs = Date.parse('2026-01-02T03:04:05Z')

const pod: KubeObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', labels: { run: 'p' } },
  spec: {
    containers: [{ name: 'a', image: 'x', ports: [{ containerPort: 80, protocol: 'TCP' }] }],
  },
}

interface Change {
  readonly live?: KubeObject
  readonly next: KubeObject
  readonly manager: string
  readonly subresource?: string
}

function track({ live, next, manager, subresource = '' }: Change): KubeObject {
  return trackUpdate({ live, next, schema: podSchema, manager, subresource, nowMs })
}

const ownersOf = (object: KubeObject): unknown =>
  object.metadata.managedFields?.map(({ manager, subresource, fieldsV1 }) => [
    subresource === undefined ? manager : `${manager} ${subresource}`,
    fieldsV1,
  ])

test('a create is recorded down to the elements of lists', () => {
  const created = track({ next: pod, manager: 'kubectl-run' })
  assert.deepEqual(ownersOf(created), [
    [
      'kubectl-run',
      {
        'f:metadata': { 'f:labels': { '.': {}, 'f:run': {} } },
        'f:spec': {
          'f:containers': {
            'k:{"name":"a"}': {
              '.': {},
              'f:image': {},
              'f:name': {},
              'f:ports': {
                '.': {},
                'k:{"containerPort":80,"protocol":"TCP"}': {
                  '.': {},
                  'f:containerPort': {},
                  'f:protocol': {},
                },
              },
              'f:resources': {},
            },
          },
        },
      },
    ],
  ])
})

test('a change of the status is recorded under the subresource', () => {
  const live = track({ next: pod, manager: 'kubectl-run' })
  const next = { ...live, status: { phase: 'Running' } }
  const changed = track({ live, next, manager: 'node', subresource: 'status' })
  assert.deepEqual((ownersOf(changed) as unknown[])[1], [
    'node status',
    { 'f:status': { 'f:phase': {} } },
  ])
})

test('who changes a field takes it, who removes one leaves it to nobody', () => {
  const live = track({ next: pod, manager: 'kubectl-run' })
  const relabelled = { ...live, metadata: { ...live.metadata, labels: { run: 'q', x: 'y' } } }
  const changed = track({ live, next: relabelled, manager: 'kubectl-label' })
  const [label, run] = ownersOf(changed) as [[string, object], [string, { 'f:metadata': object }]]
  assert.deepEqual(label, [
    'kubectl-label',
    { 'f:metadata': { 'f:labels': { 'f:run': {}, 'f:x': {} } } },
  ])
  assert.deepEqual(run[1]['f:metadata'], { 'f:labels': {} })
  const bare = { ...changed, metadata: { ...changed.metadata, labels: { x: 'y' } } }
  const [left] = ownersOf(track({ live: changed, next: bare, manager: 'third' })) as [
    [string, object],
  ]
  assert.deepEqual(left, ['kubectl-label', { 'f:metadata': { 'f:labels': { 'f:x': {} } } }])
})

test('an object that is not tracked stays so, and a write that changes nothing leaves no trace', () => {
  const next = { ...pod, metadata: { name: 'p' } }
  assert.equal(track({ live: pod, next, manager: 'x' }), next)
  const live = track({ next: pod, manager: 'kubectl-run' })
  assert.deepEqual(track({ live, next: live, manager: 'x' }), live)
})

test('only creates of kubectl and objects with managers are worth recording', () => {
  assert.equal(isTracked(undefined, 'kubectl-create'), true)
  assert.equal(isTracked(undefined, 'kube-controller-manager'), false)
  assert.equal(isTracked(pod, 'kubectl-edit'), false)
  assert.equal(isTracked(track({ next: pod, manager: 'kubectl' }), 'anyone'), true)
})

test('a client can let go of everything', () => {
  const live = track({ next: pod, manager: 'kubectl-run' })
  const next = { ...live, metadata: { ...live.metadata, managedFields: [{}] } }
  assert.equal(track({ live, next, manager: 'x' }).metadata.managedFields, undefined)
})

test('the oldest of more than ten managers become one', () => {
  let object = track({ next: { ...pod, metadata: { name: 'p' } }, manager: 'm00' })
  for (let index = 1; index <= 12; index++) {
    const labels = { ...object.metadata.labels, [`l${index}`]: 'x' }
    const next = { ...object, metadata: { ...object.metadata, labels } }
    const manager = `m${String(index).padStart(2, '0')}`
    object = track({ live: object, next, manager })
  }
  const names = object.metadata.managedFields?.map(({ manager }) => manager)
  assert.deepEqual(names, [
    'ancient-changes',
    ...Array.from({ length: 9 }, (_, i) => `m${String(i + 4).padStart(2, '0')}`),
  ])
})

test('a client without a field manager goes by its program', () => {
  assert.equal(managerOf('given', 'kubectl/v1.36'), 'given')
  assert.equal(managerOf(undefined, 'kubectl/v1.36 (linux)'), 'kubectl')
  assert.equal(managerOf('', ''), 'unknown')
  assert.equal(managerOf(undefined, `${'x'.repeat(200)}\u0000/1`), 'x'.repeat(128))
})
