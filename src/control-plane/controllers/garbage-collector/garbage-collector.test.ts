// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FakeClusterApi, controlledBy } from '../../../../test/support/fake-cluster-api.ts'
import { configMaps, nodes, pods } from '../../../kube/resources.ts'
import type { Resource } from '../../../kube/resources.ts'
import type { ConfigMap, OwnerReference } from '../../../kube/types.gen.ts'
import { FakeClock } from '../../../util/fake-clock.ts'
import { silentLogger } from '../../../util/logger.ts'
import type { EventSubject, NewObject } from '../cluster-api.ts'
import { replicaSets } from '../workload/workload-resources.ts'
import { startGarbageCollector } from './garbage-collector.ts'

const resources: readonly Resource<unknown>[] = [configMaps, nodes, pods, replicaSets]

function start() {
  const clock = new FakeClock()
  const api = new FakeClusterApi(clock)
  const begin = () => startGarbageCollector({ api, clock, log: silentLogger }, { resources })
  return { api, begin }
}

const map = (
  name: string,
  owners: readonly EventSubject[] = [],
  namespace = 'ns',
): NewObject<ConfigMap> => ({
  metadata: {
    name,
    namespace,
    ...(owners.length > 0 && { ownerReferences: owners.map(controlledBy) }),
  },
})
const at = (name: string, namespace = 'ns') => ({ name, namespace })
const names = (api: FakeClusterApi) => api.list(configMaps).map(({ metadata }) => metadata.name)
const ownersOf = (api: FakeClusterApi, name: string): readonly OwnerReference[] =>
  api.get(configMaps, at(name))?.metadata.ownerReferences ?? []

describe('startGarbageCollector', () => {
  it('deletes what depends on a deleted object, and what depends on that', async () => {
    const { api, begin } = start()
    await using _ = begin()
    const top = api.seed(configMaps, map('top'))
    const middle = api.seed(configMaps, map('middle', [top]))
    api.seed(configMaps, map('bottom', [middle]))
    api.seed(configMaps, map('other'))
    await api.settled()
    await api.delete(configMaps, at('top'), { propagationPolicy: 'Background' })
    await api.settled()
    assert.deepEqual(names(api), ['other'])
  })

  it('finds at its start what lost its owner before', async () => {
    const { api, begin } = start()
    const owner = api.seed(configMaps, map('owner'))
    api.seed(configMaps, map('dependent', [owner]))
    api.vanish(configMaps, at('owner'))
    await using _ = begin()
    await api.settled()
    assert.deepEqual(names(api), [])
  })

  it('collects an object whose owner of that name is another one by now', async () => {
    const { api, begin } = start()
    await using _ = begin()
    const owner = api.seed(configMaps, map('owner'))
    api.vanish(configMaps, at('owner'))
    api.seed(configMaps, map('owner'))
    api.seed(configMaps, map('dependent', [owner]))
    await api.settled()
    assert.deepEqual(names(api), ['owner'])
  })

  it('keeps what has another owner, without the reference to the one that is gone', async () => {
    const { api, begin } = start()
    await using _ = begin()
    const [a, b] = [api.seed(configMaps, map('a')), api.seed(configMaps, map('b'))]
    api.seed(configMaps, map('shared', [a, b]))
    await api.settled()
    await api.delete(configMaps, at('a'), { propagationPolicy: 'Background' })
    await api.settled()
    assert.deepEqual(
      ownersOf(api, 'shared').map(({ name }) => name),
      ['b'],
    )
  })

  it('lets an owner wait for its dependents in the foreground, all the way down', async () => {
    const { api, begin } = start()
    await using _ = begin()
    const top = api.seed(configMaps, map('top'))
    const middle = api.seed(configMaps, map('middle', [top]))
    const bottom = map('bottom', [middle])
    api.seed(configMaps, { ...bottom, metadata: { ...bottom.metadata, finalizers: ['example/x'] } })
    await api.settled()
    await api.delete(configMaps, at('top'), { propagationPolicy: 'Foreground' })
    await api.settled()
    // The finalizer of somebody else holds up the whole chain.
    assert.deepEqual(names(api), ['bottom', 'middle', 'top'])
    await api.patch(configMaps, at('bottom'), { metadata: { finalizers: null } })
    await api.settled()
    assert.deepEqual(names(api), [])
  })

  it('does not wait for dependents that do not block', async () => {
    const { api, begin } = start()
    await using _ = begin()
    const owner = api.seed(configMaps, map('owner'))
    const reference = { ...controlledBy(owner), blockOwnerDeletion: false }
    api.seed(configMaps, {
      metadata: { ...at('free'), ownerReferences: [reference], finalizers: ['example/x'] },
    })
    await api.settled()
    await api.delete(configMaps, at('owner'), { propagationPolicy: 'Foreground' })
    await api.settled()
    assert.deepEqual(names(api), ['free'])
  })

  it('sets dependents free before an owner that orphans them ends', async () => {
    const { api, begin } = start()
    await using _ = begin()
    const owner = api.seed(configMaps, map('owner'))
    for (const name of ['a', 'b']) api.seed(configMaps, map(name, [owner]))
    await api.settled()
    await api.delete(configMaps, at('owner'), { propagationPolicy: 'Orphan' })
    await api.settled()
    assert.deepEqual(names(api), ['a', 'b'])
    assert.deepEqual(ownersOf(api, 'a'), [])
  })

  it('collects in namespaces what belonged to a cluster-wide object', async () => {
    const { api, begin } = start()
    await using _ = begin()
    const node = api.seed(nodes, { metadata: { name: 'one' }, spec: {} })
    api.seed(configMaps, map('dependent', [node]))
    await api.settled()
    assert.deepEqual(names(api), ['dependent'])
    await api.delete(nodes, { name: 'one' })
    await api.settled()
    assert.deepEqual(names(api), [])
  })

  it('collects what names an owner in another namespace, and says so', async () => {
    const { api, begin } = start()
    await using _ = begin()
    const owner = api.seed(configMaps, map('owner', [], 'elsewhere'))
    api.seed(configMaps, map('dependent', [owner]))
    await api.settled()
    assert.deepEqual(names(api), ['owner'])
    const { uid } = owner.metadata
    assert.deepEqual(api.eventsOf('dependent'), [
      `Warning OwnerRefInvalidNamespace ownerRef [v1/ConfigMap, namespace: ns, name: owner, uid: ${uid}] does not exist in namespace "ns"`,
    ])
  })

  it('leaves alone what belongs to a kind that it does not know', async () => {
    const { api, begin } = start()
    await using _ = begin()
    const stranger = {
      apiVersion: 'example.com/v1',
      kind: 'Stranger',
      metadata: { name: 's', uid: 'u' },
    }
    api.seed(configMaps, map('dependent', [stranger]))
    await api.settled()
    assert.deepEqual(names(api), ['dependent'])
  })

  it('does not delete an object that got a living owner meanwhile', async () => {
    const { api, begin } = start()
    await using _ = begin()
    const [gone, adopter] = [
      api.seed(configMaps, map('gone')),
      api.seed(configMaps, map('adopter')),
    ]
    api.seed(configMaps, map('dependent', [gone]))
    await api.settled()
    let isAdopted = false
    api.before = async ({ verb, name }) => {
      if (verb !== 'delete' || name !== 'dependent' || isAdopted) return
      isAdopted = true
      const ownerReferences = [controlledBy(adopter)]
      await api.patch(configMaps, at('dependent'), { metadata: { ownerReferences } })
    }
    await api.delete(configMaps, at('gone'), { propagationPolicy: 'Background' })
    await api.settled()
    assert.ok(isAdopted)
    assert.deepEqual(names(api), ['adopter', 'dependent'])
  })
})
