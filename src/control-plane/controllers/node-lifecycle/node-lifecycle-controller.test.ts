// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FakeClusterApi } from '../../../../test/support/fake-cluster-api.ts'
import { buildNode, buildRequest } from '../../../../test/support/scheduling.ts'
import { leases, nodes, pods } from '../../../kube/resources.ts'
import type { Node, NodeCondition } from '../../../kube/types.gen.ts'
import { FakeClock } from '../../../util/fake-clock.ts'
import { silentLogger } from '../../../util/logger.ts'
import { startNodeLifecycleController } from './node-lifecycle-controller.ts'
import { startTaintEvictionController } from './taint-eviction-controller.ts'

const time = '2026-01-01T00:00:00Z'

function condition(type: string, status: string, lastHeartbeatTime = time): NodeCondition {
  return { type, status, lastHeartbeatTime, lastTransitionTime: time }
}

function start() {
  const clock = new FakeClock()
  const api = new FakeClusterApi(clock)
  const context = { api, clock, log: silentLogger }
  const stack = new AsyncDisposableStack()
  const begin = () => {
    stack.use(startNodeLifecycleController(context))
    stack.use(startTaintEvictionController(context))
    return stack
  }
  const seedNode = (name: string, conditions: readonly NodeCondition[]) =>
    api.seed(nodes, buildNode(name, { status: { conditions } }))
  const beat = (name: string) => {
    const lease = api.get(leases, { namespace: 'kube-node-lease', name })
    const spec = { renewTime: new Date(clock.nowMs()).toISOString() }
    if (lease) return api.patch(leases, { namespace: 'kube-node-lease', name }, { spec })
    return api.create(leases, { metadata: { namespace: 'kube-node-lease', name }, spec })
  }
  const advance = async (ms: number) => {
    await clock.advance(ms)
    await api.settled()
  }
  return { api, clock, begin, seedNode, beat, advance }
}

const get = (api: FakeClusterApi, name = 'one'): Node => {
  const node = api.get(nodes, { name })
  assert.ok(node)
  return node
}
const taintsOf = (api: FakeClusterApi, name = 'one') =>
  (get(api, name).spec?.taints ?? []).map(({ key, effect }) => `${key}:${effect}`)
const statusOf = (api: FakeClusterApi, type: string) =>
  get(api).status?.conditions?.find((one) => one.type === type)

describe('startNodeLifecycleController', () => {
  it('declares a silent node Unknown after its grace and not before, by the lease or the status', async () => {
    const { api, begin, seedNode, beat, advance } = start()
    seedNode('one', [condition('Ready', 'True'), condition('DiskPressure', 'False')])
    await using _ = begin()
    for (let beats = 0; beats < 6; beats++) {
      await beat('one')
      await advance(10_000)
    }
    assert.equal(statusOf(api, 'Ready')?.status, 'True')
    await advance(40_000)
    assert.equal(statusOf(api, 'Ready')?.status, 'True')
    await advance(20_000)
    const ready = statusOf(api, 'Ready')
    assert.equal(ready?.status, 'Unknown')
    assert.equal(ready.reason, 'NodeStatusUnknown')
    assert.equal(ready.message, 'Kubelet stopped posting node status.')
    assert.equal(statusOf(api, 'DiskPressure')?.status, 'Unknown')
    assert.equal(statusOf(api, 'PIDPressure')?.reason, 'NodeStatusNeverUpdated')
    assert.deepEqual(api.eventsOf('one'), [
      'Normal RegisteredNode Node one event: Registered Node one in Controller',
      'Normal NodeNotReady Node one status is now: NodeNotReady',
    ])
  })

  it('gives a node that never reported a minute', async () => {
    const { api, begin, advance } = start()
    api.seed(nodes, { metadata: { name: 'one' }, spec: {} })
    await using _ = begin()
    await advance(60_000)
    assert.equal(statusOf(api, 'Ready'), undefined)
    await advance(10_000)
    assert.equal(statusOf(api, 'Ready')?.message, 'Kubelet never posted node status.')
  })

  it('taints by conditions at once, and takes the taints away again', async () => {
    const { api, begin, seedNode } = start()
    const node = seedNode('one', [condition('Ready', 'True'), condition('MemoryPressure', 'True')])
    const own = { key: 'mine', effect: 'NoSchedule' }
    await api.update(nodes, { ...node, spec: { unschedulable: true, taints: [own] } })
    await using _ = begin()
    await api.settled()
    assert.deepEqual(taintsOf(api), [
      'mine:NoSchedule',
      'node.kubernetes.io/memory-pressure:NoSchedule',
      'node.kubernetes.io/unschedulable:NoSchedule',
    ])
    await api.patch(nodes, { name: 'one' }, { spec: { unschedulable: null } })
    const conditions = [condition('Ready', 'True'), condition('MemoryPressure', 'False')]
    await api.patch(nodes, { name: 'one' }, { status: { conditions } }, 'status')
    await api.settled()
    assert.deepEqual(taintsOf(api), ['mine:NoSchedule'])
  })

  it('evicts from a lost node what does not tolerate it, when its time is over', async () => {
    const { api, begin, seedNode, beat, advance } = start()
    seedNode('one', [condition('Ready', 'True')])
    seedNode('two', [condition('Ready', 'True')])
    const tolerations = [
      { key: 'node.kubernetes.io/unreachable', operator: 'Exists', tolerationSeconds: 30 },
    ]
    const status = { conditions: [{ type: 'Ready', status: 'True' }] }
    api.seed(pods, buildRequest('soon', {}, { spec: { nodeName: 'one' }, status }))
    api.seed(pods, buildRequest('late', {}, { spec: { nodeName: 'one', tolerations }, status }))
    await using _ = begin()
    const isDeleted = (name: string) =>
      api.get(pods, { namespace: 'ns', name })?.metadata.deletionTimestamp !== undefined
    for (let beats = 0; beats < 6; beats++) {
      await beat('two')
      await advance(10_000)
    }
    assert.deepEqual(taintsOf(api), [
      'node.kubernetes.io/unreachable:NoSchedule',
      'node.kubernetes.io/unreachable:NoExecute',
    ])
    assert.ok(isDeleted('soon'))
    assert.ok(!isDeleted('late'))
    const late = api.get(pods, { namespace: 'ns', name: 'late' })
    assert.equal(late?.status?.conditions?.[0]?.status, 'False')
    assert.match(api.eventsOf('late').join(), /Warning NodeNotReady Node is not ready/)
    for (let beats = 0; beats < 3; beats++) {
      await beat('two')
      await advance(10_000)
    }
    assert.ok(isDeleted('late'))
    const target = api
      .get(pods, { namespace: 'ns', name: 'late' })
      ?.status?.conditions?.find(({ type }) => type === 'DisruptionTarget')
    assert.equal(target?.reason, 'DeletionByTaintManager')
    assert.match(
      api.eventsOf('late').join(),
      /TaintManagerEviction Marking for deletion Pod ns\/late/,
    )
  })

  it('lets a pod stay when its node is back in time', async () => {
    const { api, begin, seedNode, beat, advance } = start()
    seedNode('one', [condition('Ready', 'True')])
    seedNode('two', [condition('Ready', 'True')])
    const tolerations = [{ operator: 'Exists', tolerationSeconds: 300 }]
    api.seed(pods, buildRequest('p', {}, { spec: { nodeName: 'one', tolerations } }))
    await using _ = begin()
    for (let beats = 0; beats < 8; beats++) {
      await beat('two')
      await advance(10_000)
    }
    const conditions = [condition('Ready', 'True', '2026-01-01T00:02:00Z')]
    await api.patch(nodes, { name: 'one' }, { status: { conditions } }, 'status')
    await api.settled()
    assert.deepEqual(taintsOf(api), [])
    assert.match(api.eventsOf('p').join(), /Cancelling deletion of Pod ns\/p/)
  })

  it('evicts nothing when no node is ready at all', async () => {
    const { api, begin, seedNode, advance } = start()
    seedNode('one', [condition('Ready', 'True')])
    api.seed(pods, buildRequest('p', {}, { spec: { nodeName: 'one' } }))
    await using _ = begin()
    await advance(600_000)
    assert.deepEqual(taintsOf(api), ['node.kubernetes.io/unreachable:NoSchedule'])
    assert.equal(api.list(pods)[0]?.metadata.deletionTimestamp, undefined)
  })

  it('gives up one node of a zone in ten seconds', async () => {
    const { api, begin, seedNode, beat, advance } = start()
    for (const name of ['a', 'b', 'c', 'd', 'e']) seedNode(name, [condition('Ready', 'True')])
    await using _ = begin()
    const tainted = () =>
      ['a', 'b', 'c', 'd', 'e'].filter((name) =>
        taintsOf(api, name).some((one) => one.endsWith('NoExecute')),
      )
    const counts: number[] = []
    for (let beats = 0; beats < 9; beats++) {
      for (const name of ['c', 'd', 'e']) await beat(name)
      await advance(10_000)
      counts.push(tainted().length)
    }
    assert.deepEqual(counts, [0, 0, 0, 0, 0, 1, 2, 2, 2])
  })
})
