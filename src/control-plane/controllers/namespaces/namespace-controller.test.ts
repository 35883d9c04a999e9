// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { buildPod } from '../../../../test/support/build-pod.ts'
import { FakeClusterApi } from '../../../../test/support/fake-cluster-api.ts'
import { configMaps, nodes, pods, secrets } from '../../../kube/resources.ts'
import type { Namespace } from '../../../kube/types.gen.ts'
import { FakeClock } from '../../../util/fake-clock.ts'
import { silentLogger } from '../../../util/logger.ts'
import { forbidden } from '../../objects/api-status.ts'
import type { NewObject } from '../cluster-api.ts'
import { namespaces } from './cluster-kinds.ts'
import { startNamespaceController } from './namespace-controller.ts'

function start() {
  const clock = new FakeClock()
  const api = new FakeClusterApi(clock)
  const resources = [configMaps, pods, secrets, nodes]
  const controller = startNamespaceController({ api, clock, log: silentLogger }, { resources })
  // As the API server keeps a namespace: until spec.finalizers is empty.
  const seedTerminating = (name: string) =>
    api.seed(namespaces, {
      metadata: { name, deletionTimestamp: '2026-01-01T00:00:00Z' },
      spec: { finalizers: ['kubernetes'] },
    } as NewObject<Namespace>)
  return { api, clock, controller, seedTerminating }
}

const conditionsOf = (api: FakeClusterApi, name: string) =>
  new Map(
    api
      .get(namespaces, { name })
      ?.status?.conditions?.map(({ type, status, message }) => [type, `${status} ${message}`]),
  )

describe('startNamespaceController', () => {
  it('empties a namespace and lets it go', async () => {
    const { api, controller, seedTerminating } = start()
    await using _ = controller
    api.seed(configMaps, { metadata: { name: 'a', namespace: 'ending' } })
    api.seed(configMaps, { metadata: { name: 'b', namespace: 'living' } })
    api.seed(pods, buildPod({ metadata: { name: 'p', namespace: 'ending' } }))
    api.seed(namespaces, { metadata: { name: 'living' }, spec: { finalizers: ['kubernetes'] } })
    seedTerminating('ending')
    await api.settled()
    assert.deepEqual(
      api.list(configMaps).map(({ metadata }) => metadata.name),
      ['b'],
    )
    assert.deepEqual(api.list(pods), [])
    assert.deepEqual(api.get(namespaces, { name: 'ending' })?.spec?.finalizers ?? [], [])
    assert.deepEqual(api.get(namespaces, { name: 'living' })?.spec?.finalizers, ['kubernetes'])
  })

  it('deletes nothing else before the pods are gone, and then at once', async () => {
    const { api, controller, seedTerminating } = start()
    await using _ = controller
    api.seed(configMaps, { metadata: { name: 'a', namespace: 'ending' } })
    const spec = { nodeName: 'one', containers: [] }
    api.seed(pods, buildPod({ metadata: { name: 'p', namespace: 'ending' }, spec }))
    seedTerminating('ending')
    await api.settled()
    assert.equal(api.get(namespaces, { name: 'ending' })?.status?.phase, 'Terminating')
    assert.equal(api.list(configMaps).length, 1)
    assert.notEqual(api.list(pods)[0]?.metadata.deletionTimestamp, undefined)
    api.vanish(pods, { namespace: 'ending', name: 'p' })
    await api.settled()
    assert.equal(api.list(configMaps).length, 0)
  })

  it('says what remains and which finalizers hold it', async () => {
    const { api, controller, seedTerminating } = start()
    await using _ = controller
    const finalizers = ['example.com/x']
    api.seed(configMaps, { metadata: { name: 'a', namespace: 'ending', finalizers } })
    seedTerminating('ending')
    await api.settled()
    const conditions = conditionsOf(api, 'ending')
    assert.equal(
      conditions.get('NamespaceContentRemaining'),
      'True Some resources are remaining: configmaps. has 1 resource instances',
    )
    assert.equal(
      conditions.get('NamespaceFinalizersRemaining'),
      'True Some content in the namespace has finalizers remaining: example.com/x in 1 resource instances',
    )
    assert.equal(
      conditions.get('NamespaceDeletionDiscoveryFailure'),
      'False All resources successfully discovered',
    )
    assert.deepEqual(api.get(namespaces, { name: 'ending' })?.spec?.finalizers, ['kubernetes'])
  })

  it('says why content could not be deleted, and tries again', async () => {
    const { api, clock, controller, seedTerminating } = start()
    await using _ = controller
    let refusals = 1
    api.before = ({ verb, name }) => {
      if (verb === 'delete' && refusals-- > 0) {
        throw forbidden({ group: '', plural: 'configmaps' }, name, 'not now')
      }
    }
    api.seed(configMaps, { metadata: { name: 'a', namespace: 'ending' } })
    seedTerminating('ending')
    await api.settled()
    assert.match(
      conditionsOf(api, 'ending').get('NamespaceDeletionContentFailure') ?? '',
      /^True Failed to delete all resource types, 1 remaining: configmaps "a" is forbidden: not now$/,
    )
    await clock.advance(1000)
    await api.settled()
    assert.equal(api.list(configMaps).length, 0)
  })
})
