// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FakeClusterApi } from '../../../../test/support/fake-cluster-api.ts'
import { configMaps, serviceAccounts } from '../../../kube/resources.ts'
import { FakeClock } from '../../../util/fake-clock.ts'
import { silentLogger } from '../../../util/logger.ts'
import { namespaces } from '../namespaces/cluster-kinds.ts'
import { startRootCaPublisher } from './root-ca-publisher.ts'
import { startServiceAccountController } from './service-account-controller.ts'

function start() {
  const clock = new FakeClock()
  const api = new FakeClusterApi(clock)
  const context = { api, clock, log: silentLogger }
  const stack = new AsyncDisposableStack()
  stack.use(startServiceAccountController(context))
  stack.use(startRootCaPublisher(context, { caPem: 'PEM' }))
  return { api, stack }
}

const accountAt = { namespace: 'ns', name: 'default' }
const mapAt = { namespace: 'ns', name: 'kube-root-ca.crt' }

describe('startFurniture', () => {
  it('gives each namespace its service account and its root certificate', async () => {
    const { api, stack } = start()
    await using _ = stack
    api.seed(namespaces, { metadata: { name: 'ns' }, spec: {}, status: { phase: 'Active' } })
    await api.settled()
    assert.ok(api.get(serviceAccounts, accountAt))
    const map = api.get(configMaps, mapAt)
    assert.deepEqual(map?.data, { 'ca.crt': 'PEM' })
    assert.match(map?.metadata.annotations?.['kubernetes.io/description'] ?? '', /^Contains a CA/)
  })

  it('restores what somebody deletes or changes', async () => {
    const { api, stack } = start()
    await using _ = stack
    api.seed(namespaces, { metadata: { name: 'ns' }, spec: {} })
    await api.settled()
    await api.delete(serviceAccounts, accountAt)
    await api.patch(configMaps, mapAt, { data: { 'ca.crt': 'forged', more: 'x' } })
    await api.settled()
    assert.ok(api.get(serviceAccounts, accountAt))
    assert.deepEqual(api.get(configMaps, mapAt)?.data, { 'ca.crt': 'PEM' })
  })

  it('makes nothing in a namespace that is being deleted', async () => {
    const { api, stack } = start()
    await using _ = stack
    const metadata = { name: 'ns', deletionTimestamp: '2026-01-01T00:00:00Z' }
    api.seed(namespaces, { metadata, spec: {} })
    await api.settled()
    assert.equal(api.writes.length, 0)
  })
})
