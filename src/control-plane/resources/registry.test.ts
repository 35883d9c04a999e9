// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findResource, resourceDefinitions, resourceOfKind } from './registry.ts'

test('a resource is found by its path and by its kind', () => {
  assert.equal(findResource('', 'v1', 'pods')?.kind, 'Pod')
  assert.equal(findResource('apps', 'v1', 'deployments')?.kind, 'Deployment')
  assert.equal(findResource('apps', 'v1', 'pods'), undefined)
  assert.equal(resourceOfKind('v1', 'Pod')?.plural, 'pods')
  assert.equal(resourceOfKind('batch/v1', 'Job')?.plural, 'jobs')
  assert.equal(resourceOfKind('v1', 'Job'), undefined)
})

test('no two resources share a path, and both kinds of events share their storage', () => {
  const paths = resourceDefinitions.map(({ group, version, plural }) =>
    [group, version, plural].join('/'),
  )
  assert.equal(new Set(paths).size, paths.length)
  const storages = resourceDefinitions
    .filter(({ isVirtual }) => !isVirtual)
    .map(({ storage }) => storage)
  assert.deepEqual(
    storages.filter((one, index) => storages.indexOf(one) !== index),
    ['events'],
  )
})

test('subresources stand in the order of discovery', () => {
  for (const { subresources, plural } of resourceDefinitions) {
    const names = subresources.map(({ name }) => name)
    assert.deepEqual(names, [...names].sort(), plural)
  }
})

test('an update keeps the status and counts a change of spec once', () => {
  const { strategy } = resourceOfKind('apps/v1', 'ReplicaSet') ?? assert.fail()
  const created = strategy.prepareForCreate({
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name: 'a' },
    spec: { replicas: 1 },
    status: { replicas: 9 },
  })
  assert.equal(created.metadata.generation, 1)
  assert.deepEqual(created['status'], { replicas: 0 })
  const same = strategy.prepareForUpdate({ ...created, status: { replicas: 3 } }, created, '')
  assert.deepEqual(same, created)
  const scaled = strategy.prepareForUpdate({ ...created, spec: { replicas: 2 } }, created, '')
  assert.equal(scaled.metadata.generation, 2)
  const reported = strategy.prepareForUpdate(
    { ...scaled, spec: { replicas: 7 }, status: { replicas: 2 } },
    scaled,
    'status',
  )
  assert.deepEqual(reported, { ...scaled, status: { replicas: 2 } })
})
