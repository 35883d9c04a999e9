// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FakeClusterApi } from '../../../../test/support/fake-cluster-api.ts'
import { FakeClock } from '../../../util/fake-clock.ts'
import { silentLogger } from '../../../util/logger.ts'
import { clusterRoles } from '../namespaces/cluster-kinds.ts'
import { startClusterRoleAggregationController } from './cluster-role-aggregation-controller.ts'

describe('startClusterRoleAggregationController', () => {
  it('gives a role the rules of those it selects, each once, through several steps', async () => {
    const clock = new FakeClock()
    const api = new FakeClusterApi(clock)
    await using _ = startClusterRoleAggregationController({ api, clock, log: silentLogger })
    const aggregate = (label: string) => ({
      clusterRoleSelectors: [{ matchLabels: { [label]: 'true' } }],
    })
    const reading = { apiGroups: [''], resources: ['pods'], verbs: ['get'] }
    const writing = { apiGroups: [''], resources: ['pods'], verbs: ['create'] }
    const role = (name: string, to: string) => ({ metadata: { name, labels: { [to]: 'true' } } })
    api.seed(clusterRoles, { metadata: { name: 'admin' }, aggregationRule: aggregate('to-admin') })
    api.seed(clusterRoles, { ...role('edit', 'to-admin'), aggregationRule: aggregate('to-edit') })
    api.seed(clusterRoles, { ...role('b', 'to-edit'), rules: [writing, reading] })
    api.seed(clusterRoles, { ...role('a', 'to-edit'), rules: [reading] })
    await api.settled()
    assert.deepEqual(api.get(clusterRoles, { name: 'admin' })?.rules, [reading, writing])
    await api.delete(clusterRoles, { name: 'b' })
    await api.settled()
    assert.deepEqual(api.get(clusterRoles, { name: 'admin' })?.rules, [reading])
  })
})
