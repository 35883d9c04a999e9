// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { buildPod } from '../../../../test/support/build-pod.ts'
import { FakeClusterApi, controlledBy } from '../../../../test/support/fake-cluster-api.ts'
import { pods } from '../../../kube/resources.ts'
import { FakeClock } from '../../../util/fake-clock.ts'
import { silentLogger } from '../../../util/logger.ts'
import { podDisruptionBudgets } from '../namespaces/cluster-kinds.ts'
import { jobs, replicaSets } from '../workload/workload-resources.ts'
import { startDisruptionController } from './disruption-controller.ts'
import { startStaleDisruptionController } from './stale-disruption-controller.ts'

function start() {
  const clock = new FakeClock()
  const api = new FakeClusterApi(clock)
  return { api, clock, context: { api, clock, log: silentLogger } }
}

const labels = { app: 'web' }
const at = { namespace: 'ns', name: 'b' }
const template = { spec: { containers: [] } }
const ready = { conditions: [{ type: 'Ready', status: 'True' }] }
const selector = { matchLabels: labels }

describe('startDisruptionController', () => {
  it('follows the pods and the size of their owner', async () => {
    const { api, context } = start()
    await using _ = startDisruptionController(context)
    api.seed(podDisruptionBudgets, { metadata: at, spec: { selector, maxUnavailable: 1 } })
    await api.settled()
    assert.equal(api.get(podDisruptionBudgets, at)?.status?.disruptionsAllowed, 0)
    assert.match(api.eventsOf('b').join(), /Normal NoPods No matching pods found/)
    const spec = { replicas: 2, selector, template }
    const set = api.seed(replicaSets, { metadata: { namespace: 'ns', name: 'rs' }, spec })
    for (const name of ['p0', 'p1']) {
      const metadata = { name, labels, ownerReferences: [controlledBy(set)] }
      api.seed(pods, buildPod({ metadata, status: ready }))
    }
    await api.settled()
    const status = api.get(podDisruptionBudgets, at)?.status
    assert.equal(status?.expectedPods, 2)
    assert.equal(status.disruptionsAllowed, 1)
    await api.patch(replicaSets, { namespace: 'ns', name: 'rs' }, { spec: { replicas: 4 } })
    await api.settled()
    assert.equal(api.get(podDisruptionBudgets, at)?.status?.disruptionsAllowed, 0)
  })

  it('allows nothing while it cannot tell how many pods there ought to be', async () => {
    const { api, context } = start()
    await using _ = startDisruptionController(context)
    const job = api.seed(jobs, { metadata: { namespace: 'ns', name: 'j' }, spec: { template } })
    const metadata = { name: 'p', labels, ownerReferences: [controlledBy(job)] }
    api.seed(pods, buildPod({ metadata, status: ready }))
    api.seed(podDisruptionBudgets, { metadata: at, spec: { selector, maxUnavailable: 1 } })
    await api.settled()
    const status = api.get(podDisruptionBudgets, at)?.status
    assert.equal(status?.disruptionsAllowed, 0)
    assert.equal(status.conditions?.[0]?.reason, 'SyncFailed')
    assert.equal(
      status.conditions[0].message,
      'jobs.batch does not implement the scale subresource',
    )
  })
})

describe('a budget by share', () => {
  it('says that it cannot count pods without an owner', async () => {
    const { api, context } = start()
    await using _ = startDisruptionController(context)
    api.seed(pods, buildPod({ metadata: { name: 'p', labels }, status: ready }))
    const expression = { key: 'app', operator: 'Exists' }
    const both = { ...selector, matchExpressions: [expression] }
    api.seed(podDisruptionBudgets, { metadata: at, spec: { selector: both, minAvailable: '50%' } })
    await api.settled()
    assert.match(
      api.eventsOf('b').join(),
      /Warning UnmanagedPods .*\(selector: &LabelSelector\{MatchLabels:map\[string\]string\{app: web,\},MatchExpressions:\[\]LabelSelectorRequirement\{LabelSelectorRequirement\{Key:app,Operator:Exists,Values:\[\],\},\},\}\) were found to be unmanaged\./,
    )
  })
})

describe('startStaleDisruptionController', () => {
  it('takes the condition back when nothing came of it for two minutes', async () => {
    const { api, clock, context } = start()
    const lastTransitionTime = '2026-01-01T00:00:00Z'
    const conditions = [
      {
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'EvictionByEvictionAPI',
        lastTransitionTime,
      },
    ]
    api.seed(pods, buildPod({ metadata: { name: 'p' }, status: { conditions } }))
    await using _ = startStaleDisruptionController(context)
    const statusOf = () => api.list(pods)[0]?.status?.conditions?.[0]?.status
    await clock.advance(119_000)
    await api.settled()
    assert.equal(statusOf(), 'True')
    await clock.advance(2000)
    await api.settled()
    assert.equal(statusOf(), 'False')
  })
})
