// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClusterApi } from '../../../../test/support/fake-cluster-api.ts'
import { templateFor } from '../../../../test/support/workload-objects.ts'
import { pods } from '../../../kube/resources.ts'
import type { OwnerReference, Pod } from '../../../kube/types.gen.ts'
import { FakeClock } from '../../../util/fake-clock.ts'
import { claimObjects, decideClaim } from './claim.ts'
import type { Claim } from './claim.ts'
import { OwnedIndex } from './owned-index.ts'
import { controllerReference } from './owner-reference.ts'
import type { Owned } from './owner-reference.ts'
import { replicaSets } from './workload-resources.ts'

const time = '2026-01-01T00:00:00Z'

function owner(uid: string, deletionTimestamp?: string): Owned {
  return {
    metadata: {
      name: uid,
      namespace: 'default',
      uid,
      ...(deletionTimestamp !== undefined && { deletionTimestamp }),
    },
  }
}

function podOf(parts: {
  readonly app: string
  readonly by?: Owned
  readonly deletionTimestamp?: string
}): Owned {
  const { app, by, deletionTimestamp } = parts
  return {
    metadata: {
      name: 'p',
      namespace: 'default',
      uid: 'p',
      labels: { app },
      ...(by && { ownerReferences: [controllerReference(replicaSets, by)] }),
      ...(deletionTimestamp !== undefined && { deletionTimestamp }),
    },
  }
}

test('an owner keeps, adopts and releases by its selector, and leaves the rest alone', () => {
  const [us, them, leaving] = [owner('us'), owner('them'), owner('us', time)]
  const cases: readonly (readonly [Claim, Owned, Owned])[] = [
    ['keep', podOf({ app: 'web', by: us }), us],
    ['release', podOf({ app: 'other', by: us }), us],
    ['ignore', podOf({ app: 'web', by: them }), us],
    ['adopt', podOf({ app: 'web' }), us],
    ['ignore', podOf({ app: 'other' }), us],
    ['ignore', podOf({ app: 'web', deletionTimestamp: time }), us],
    ['keep', podOf({ app: 'web', by: us }), leaving],
    ['ignore', podOf({ app: 'other', by: us }), leaving],
    ['ignore', podOf({ app: 'web' }), leaving],
  ]
  for (const [claim, object, by] of cases) {
    const matches = (labels: Readonly<Record<string, string>> = {}): boolean =>
      labels['app'] === 'web'
    assert.equal(decideClaim(object, { owner: by, matches }), claim)
  }
})

test('adoption keeps other owners and does not overwrite what somebody else has just written', async () => {
  const api = new FakeClusterApi(new FakeClock())
  using index = new OwnedIndex<Pod>(api, { resource: pods, ownerKind: 'ReplicaSet' })
  const set = api.seed(replicaSets, {
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: {}, template: templateFor('web') },
  })
  const other: OwnerReference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'c', uid: 'c' }
  const pod = api.seed(pods, {
    metadata: { name: 'p', namespace: 'default', ownerReferences: [other] },
    spec: { containers: [] },
  })
  const options = {
    api,
    index,
    claimant: { owner: set, matches: () => true },
    ownerResource: replicaSets,
    resource: pods,
    finalizer: 'example.com/kept',
  }
  const [adopted] = await claimObjects([pod], options)
  assert.deepEqual(adopted?.metadata.ownerReferences, [
    other,
    controllerReference(replicaSets, set),
  ])
  assert.deepEqual(adopted?.metadata.finalizers, ['example.com/kept'])
  assert.equal(index.owned(set.metadata.uid).length, 1, 'known at once')
  const stale = { ...pod, metadata: { ...pod.metadata, labels: { app: 'x' } } }
  await assert.rejects(claimObjects([stale], options), { code: 409 })
  api.vanish(pods, pod.metadata)
  assert.deepEqual(await claimObjects([pod], options), [], 'one that is gone is passed over')
})

test('the index follows owners, orphans and names that are used again', async () => {
  const api = new FakeClusterApi(new FakeClock())
  using index = new OwnedIndex<Pod>(api, { resource: pods, ownerKind: 'ReplicaSet' })
  const [us, them] = [owner('us'), owner('them')]
  const at = { name: 'p', namespace: 'default' }
  const names = (list: readonly Pod[]): readonly string[] =>
    list.map(({ metadata }) => metadata.uid)
  const seed = (by?: Owned): Pod =>
    api.seed(pods, {
      metadata: { ...at, ...(by && { ownerReferences: [controllerReference(replicaSets, by)] }) },
      spec: { containers: [] },
    })
  const first = seed(us)
  await api.settled()
  assert.deepEqual(names(index.owned('us')), [first.metadata.uid])
  api.vanish(pods, at)
  const second = seed(them)
  index.note(second)
  assert.deepEqual(index.owned('us'), [])
  await api.settled()
  assert.deepEqual(names(index.owned('them')), [second.metadata.uid])
  assert.equal(index.sizeOf('us'), 0)
  await api.patch(pods, at, { metadata: { ownerReferences: null } })
  await api.settled()
  assert.deepEqual(names(index.orphans('default')), [second.metadata.uid])
  assert.deepEqual(index.owned('them'), [])
  api.vanish(pods, at)
  await api.settled()
  assert.deepEqual(index.orphans('default'), [])
})
