// SPDX-License-Identifier: Apache-2.0
// The generated types, by what is known of Kubernetes' own.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { schemaCatalog } from './schema-catalog.ts'
import { fieldAt, schemaOf } from './schema-of.ts'

const pod = schemaOf('v1', 'Pod')
assert.ok(pod)

test('finds a kind of the core group and of a named group', () => {
  assert.equal(pod.name, 'core.v1.Pod')
  assert.equal(schemaOf('apps/v1', 'Deployment')?.name, 'apps.v1.Deployment')
  assert.equal(
    schemaOf('metrics.k8s.io/v1beta1', 'NodeMetrics')?.name,
    'metrics.v1beta1.NodeMetrics',
  )
  assert.equal(schemaOf('events.k8s.io/v1', 'Event')?.name, 'events.v1.Event')
  assert.equal(schemaOf('example.com/v1', 'Widget'), undefined)
})

test('knows merge keys, and that server-side apply may use more of them', () => {
  const ports = fieldAt(pod, 'spec.containers.ports')
  assert.equal(ports?.mergeKey, 'containerPort')
  assert.deepEqual(ports?.listMapKeys, ['containerPort', 'protocol'])
  assert.equal(fieldAt(pod, 'spec.containers.ports.protocol')?.defaultValue, 'TCP')
  assert.equal(fieldAt(pod, 'status.conditions')?.mergeKey, 'type')
  assert.equal(fieldAt(pod, 'status.containerStatuses')?.isMerged, false)
  assert.equal(fieldAt(pod, 'spec.volumes')?.isRetainKeys, true)
  assert.equal(fieldAt(pod, 'metadata.finalizers')?.listType, 'set')
  assert.equal(fieldAt(pod, 'spec.nodeSelector')?.isAtomicMap, true)
})

test('knows which empty values the wire leaves out', () => {
  assert.equal(fieldAt(pod, 'spec.hostNetwork')?.presence, 'omitEmpty')
  assert.equal(fieldAt(pod, 'spec.terminationGracePeriodSeconds')?.presence, 'kept')
  assert.equal(fieldAt(pod, 'spec.containers.resources')?.presence, 'always')
  assert.equal(fieldAt(pod, 'spec.volumes.emptyDir')?.presence, 'kept')
  assert.equal(fieldAt(pod, 'metadata.creationTimestamp')?.presence, 'omitEmpty')
})

test('names types as the decoder of the API server does', () => {
  assert.equal(fieldAt(pod, 'spec.restartPolicy')?.goType, 'v1.RestartPolicy')
  assert.equal(fieldAt(pod, 'spec.containers')?.goType, '[]v1.Container')
  assert.equal(fieldAt(pod, 'metadata.labels')?.goType, 'map[string]string')
  assert.equal(fieldAt(pod, 'spec.containers.resources.limits')?.goType, 'v1.ResourceList')
})

test('every reference leads to a type', () => {
  for (const type of schemaCatalog().values()) {
    for (const [name, field] of type.fields) {
      let inner = field
      while (inner.element) inner = inner.element
      if (inner.kind === 'struct') assert.ok(inner.type, `${type.name}.${name} has no type`)
      for (const key of field.listMapKeys) {
        assert.ok(field.element?.type?.fields.has(key), `${type.name}.${name} lacks key ${key}`)
      }
    }
  }
})
