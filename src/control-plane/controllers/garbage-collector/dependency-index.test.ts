// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { configMaps } from '../../../kube/resources.ts'
import type { StoredObject } from '../../objects/kube-object.ts'
import { DependencyIndex } from './dependency-index.ts'

function object(uid: string, owners: readonly string[]): StoredObject {
  const ownerReferences = owners.map((owner) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name: owner,
    uid: owner,
  }))
  const metadata = { name: uid, namespace: 'ns', uid, resourceVersion: '1', creationTimestamp: '' }
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...metadata, ownerReferences } }
}

describe('DependencyIndex', () => {
  it('knows after any history what a look at all objects would tell', () => {
    const uid = fc.constantFrom('a', 'b', 'c', 'd')
    const step = fc.record({ uid, owners: fc.uniqueArray(uid), isRemoved: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const index = new DependencyIndex()
        const objects = new Map<string, StoredObject>()
        for (const { uid: one, owners, isRemoved } of steps) {
          const previous = objects.get(one)
          const current = isRemoved ? undefined : object(one, owners)
          if (!previous && !current) continue
          index.apply(configMaps, { current, previous })
          if (current) objects.set(one, current)
          else objects.delete(one)
        }
        for (const owner of ['a', 'b', 'c', 'd']) {
          const expected = [...objects.values()]
            .filter(({ metadata }) => metadata.ownerReferences?.some((one) => one.uid === owner))
            .map(({ metadata }) => metadata.uid)
          const found = index.dependentsOf(owner).map(({ uid: one }) => one)
          assert.deepEqual(found.sort(), expected.sort())
          assert.equal(index.find(owner) !== undefined, objects.has(owner))
        }
      }),
    )
  })
})
