// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FakeClusterApi } from '../../../../test/support/fake-cluster-api.ts'
import { buildNode, buildRequest } from '../../../../test/support/scheduling.ts'
import { nodes, pods } from '../../../kube/resources.ts'
import { FakeClock } from '../../../util/fake-clock.ts'
import { silentLogger } from '../../../util/logger.ts'
import { decidePodGarbage } from './decide-pod-garbage.ts'
import { startPodGcController } from './pod-gc-controller.ts'

const deletionTimestamp = '2026-01-01T00:00:00Z'

describe('startPodGcController', () => {
  it('fails and removes the pods of a node that has been gone for long enough', async () => {
    const clock = new FakeClock()
    const api = new FakeClusterApi(clock)
    api.seed(nodes, buildNode('there'))
    api.seed(pods, buildRequest('kept', {}, { spec: { nodeName: 'there' } }))
    api.seed(
      pods,
      buildRequest(
        'lost',
        {},
        {
          metadata: { finalizers: ['example/x'] },
          spec: { nodeName: 'gone' },
          status: { phase: 'Running' },
        },
      ),
    )
    await using _ = startPodGcController({ api, clock, log: silentLogger })
    await clock.advance(39_000)
    await api.settled()
    const lost = () => api.get(pods, { namespace: 'ns', name: 'lost' })
    assert.equal(lost()?.status?.phase, 'Running')
    await clock.advance(21_000)
    await api.settled()
    assert.equal(lost()?.status?.phase, 'Failed')
    assert.equal(lost()?.status?.conditions?.[0]?.reason, 'DeletionByPodGC')
    assert.equal(lost()?.metadata.deletionGracePeriodSeconds, 0)
    assert.ok(api.get(pods, { namespace: 'ns', name: 'kept' }))
  })

  it('spares a node that comes back in time', async () => {
    const clock = new FakeClock()
    const api = new FakeClusterApi(clock)
    api.seed(pods, buildRequest('p', {}, { spec: { nodeName: 'late' } }))
    await using _ = startPodGcController({ api, clock, log: silentLogger })
    await clock.advance(30_000)
    api.seed(nodes, buildNode('late'))
    await clock.advance(300_000)
    assert.ok(api.get(pods, { namespace: 'ns', name: 'p' }))
  })
})

describe('decidePodGarbage', () => {
  const decide = (input: Partial<Parameters<typeof decidePodGarbage>[0]>) =>
    decidePodGarbage({
      pods: [],
      nodeOf: () => undefined,
      lostNodes: new Set(),
      terminatedThreshold: 12_500,
      ...input,
    }).map(({ pod, why }) => `${pod.metadata.name} ${why}`)

  it('takes the evicted and then the oldest of too many pods that have ended', () => {
    const ended = (name: string, creationTimestamp: string, reason?: string) =>
      buildRequest(
        name,
        {},
        {
          metadata: { creationTimestamp },
          status: { phase: 'Failed', ...(reason !== undefined && { reason }) },
        },
      )
    const all = [ended('new', '3'), ended('old', '1'), ended('evicted', '2', 'Evicted')]
    assert.deepEqual(decide({ pods: all, terminatedThreshold: 1 }), [
      'old terminated',
      'evicted terminated',
    ])
    assert.deepEqual(decide({ pods: all, terminatedThreshold: 2 }), ['evicted terminated'])
    assert.deepEqual(decide({ pods: all, terminatedThreshold: 0 }), [])
  })

  it('takes pods that are ending without a node, or on one that is out of service', () => {
    const taints = [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }]
    const node = buildNode('down', { spec: { taints } })
    const metadata = { deletionTimestamp }
    const all = [
      buildRequest('free', {}, { metadata }),
      buildRequest('stuck', {}, { metadata, spec: { nodeName: 'down' } }),
      buildRequest('living', {}, { spec: { nodeName: 'down' } }),
    ]
    assert.deepEqual(decide({ pods: all, nodeOf: () => node }), [
      'free unscheduled',
      'stuck outOfService',
    ])
  })
})
