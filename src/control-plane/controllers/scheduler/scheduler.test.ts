// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FakeClusterApi } from '../../../../test/support/fake-cluster-api.ts'
import { buildNode, buildRequest } from '../../../../test/support/scheduling.ts'
import { nodes, pods } from '../../../kube/resources.ts'
import type { Pod } from '../../../kube/types.gen.ts'
import { FakeClock } from '../../../util/fake-clock.ts'
import { silentLogger } from '../../../util/logger.ts'
import { staleVersion } from '../../objects/api-status.ts'
import { startScheduler } from './scheduler.ts'

function start() {
  const clock = new FakeClock()
  const api = new FakeClusterApi(clock)
  const scheduler = startScheduler({ api, clock, log: silentLogger }, { random: () => 0 })
  return { api, clock, scheduler }
}

const get = (api: FakeClusterApi, name: string): Pod => {
  const pod = api.get(pods, { namespace: 'ns', name })
  assert.ok(pod)
  return pod
}
const placeOf = (api: FakeClusterApi, name: string) => get(api, name).spec.nodeName
const conditionOf = (api: FakeClusterApi, name: string) =>
  get(api, name).status?.conditions?.find(({ type }) => type === 'PodScheduled')

describe('startScheduler', () => {
  it('binds a pod, says so in an event, and leaves pods of other schedulers alone', async () => {
    const { api, scheduler } = start()
    await using _ = scheduler
    api.seed(nodes, buildNode('one'))
    api.seed(pods, buildRequest('mine'))
    api.seed(pods, buildRequest('other', {}, { spec: { schedulerName: 'mine' } }))
    api.seed(pods, buildRequest('gated', {}, { spec: { schedulingGates: [{ name: 'x' }] } }))
    await api.settled()
    assert.equal(placeOf(api, 'mine'), 'one')
    assert.deepEqual(api.eventsOf('mine'), [
      'Normal Scheduled Successfully assigned ns/mine to one',
    ])
    assert.equal(placeOf(api, 'other'), undefined)
    assert.equal(placeOf(api, 'gated'), undefined)
  })

  it('says why a pod waits, once, and places it when a node comes', async () => {
    const { api, scheduler } = start()
    await using _ = scheduler
    api.seed(pods, buildRequest('p', { cpu: '1' }))
    await api.settled()
    const none = 'no nodes available to schedule pods'
    assert.equal(conditionOf(api, 'p')?.message, none)
    assert.equal(conditionOf(api, 'p')?.reason, 'Unschedulable')
    assert.deepEqual(api.eventsOf('p'), [`Warning FailedScheduling ${none}`])
    const taints = [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }]
    const node = api.seed(nodes, buildNode('one', { spec: { taints } }))
    await api.settled()
    assert.match(conditionOf(api, 'p')?.message ?? '', /1 node\(s\) had untolerated taint\(s\)/)
    await api.update(nodes, { ...node, spec: {} })
    await api.settled()
    assert.equal(placeOf(api, 'p'), 'one')
  })

  it('is not woken by heartbeats', async () => {
    const { api, scheduler } = start()
    await using _ = scheduler
    const node = api.seed(nodes, buildNode('one', { room: { cpu: '1' } }))
    api.seed(pods, buildRequest('p', { cpu: '2' }))
    await api.settled()
    const before = api.writes.length
    const conditions = [{ type: 'Ready', status: 'True' }]
    await api.updateStatus(nodes, { ...node, status: { ...node.status, conditions } })
    await api.settled()
    assert.equal(api.writes.length, before + 1)
    assert.equal(api.events.length, 1)
  })

  it('counts pods from the moment they are placed, and gives their room away when they end', async () => {
    const { api, scheduler } = start()
    await using _ = scheduler
    api.seed(nodes, buildNode('one', { room: { cpu: '2' } }))
    for (const name of ['a', 'b', 'c']) api.seed(pods, buildRequest(name, { cpu: '1' }))
    await api.settled()
    assert.deepEqual(
      ['a', 'b', 'c'].map((name) => placeOf(api, name)),
      ['one', 'one', undefined],
    )
    api.setPodStatus({ namespace: 'ns', name: 'a' }, { phase: 'Succeeded' })
    await api.settled()
    assert.equal(placeOf(api, 'c'), 'one')
  })

  it('tries again after a refused binding, and not sooner than a second later', async () => {
    const { api, clock, scheduler } = start()
    await using _ = scheduler
    let refusals = 1
    api.before = ({ verb, name }) => {
      if (verb === 'bind' && refusals-- > 0) throw staleVersion({ group: '', plural: 'pods' }, name)
    }
    api.seed(nodes, buildNode('one'))
    api.seed(pods, buildRequest('p'))
    await api.settled()
    assert.equal(placeOf(api, 'p'), undefined)
    assert.equal(conditionOf(api, 'p')?.reason, 'SchedulerError')
    await clock.advance(1000)
    await api.settled()
    assert.equal(placeOf(api, 'p'), 'one')
  })

  it('believes the API when the answer to a binding was lost', async () => {
    const { api, scheduler } = start()
    await using _ = scheduler
    api.after = ({ verb }) => {
      if (verb === 'bind') throw new Error('connection lost')
    }
    api.seed(nodes, buildNode('one', { room: { pods: '1' } }))
    api.seed(pods, buildRequest('p'))
    await api.settled()
    assert.equal(placeOf(api, 'p'), 'one')
    api.seed(pods, buildRequest('q'))
    await api.settled()
    assert.match(conditionOf(api, 'q')?.message ?? '', /1 Too many pods/)
  })

  it('sends a weaker pod away and takes its place once it has gone', async () => {
    const { api, scheduler } = start()
    await using _ = scheduler
    api.seed(nodes, buildNode('one', { room: { cpu: '1' } }))
    api.seed(pods, buildRequest('weak', { cpu: '1' }))
    await api.settled()
    api.seed(pods, buildRequest('strong', { cpu: '1' }, { spec: { priority: 10 } }))
    await api.settled()
    assert.equal(get(api, 'strong').status?.nominatedNodeName, 'one')
    assert.equal(
      conditionOf(api, 'strong')?.message,
      '0/1 nodes are available: 1 Insufficient cpu.',
    )
    const weak = get(api, 'weak')
    assert.notEqual(weak.metadata.deletionTimestamp, undefined)
    const target = weak.status?.conditions?.find(({ type }) => type === 'DisruptionTarget')
    assert.equal(target?.reason, 'PreemptionByScheduler')
    assert.match(
      api.eventsOf('weak').join('\n'),
      /Normal Preempted Preempted by pod .* on node one/,
    )
    api.vanish(pods, { namespace: 'ns', name: 'weak' })
    await api.settled()
    assert.equal(placeOf(api, 'strong'), 'one')
  })

  it('places a thousand equal pods that wait as room appears, with few decisions', async () => {
    const { api, scheduler } = start()
    await using _ = scheduler
    api.seed(nodes, buildNode('one', { room: { cpu: '10', pods: '2000' } }))
    for (let index = 0; index < 300; index++)
      api.seed(pods, buildRequest(`p${index}`, { cpu: '1' }))
    await api.settled()
    const placed = () => api.list(pods).filter(({ spec }) => spec.nodeName === 'one').length
    assert.equal(placed(), 10)
    api.setPodStatus({ namespace: 'ns', name: 'p0' }, { phase: 'Succeeded' })
    await api.settled()
    assert.equal(placed(), 11)
    // One binding for the freed place; the others know already why they wait.
    assert.equal(api.writes.filter(({ verb }) => verb === 'bind').length, 11)
  })
})
