// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClusterApi, controlledBy } from '../../../../test/support/fake-cluster-api.ts'
import { HandKubelet, readyStatus, templateFor } from '../../../../test/support/workload-objects.ts'
import { pods } from '../../../kube/resources.ts'
import type { ReplicaSet, ReplicaSetSpec } from '../../../kube/types.gen.ts'
import { FakeClock } from '../../../util/fake-clock.ts'
import { silentLogger } from '../../../util/logger.ts'
import { StatusError, forbidden } from '../../objects/api-status.ts'
import { replicaSets } from '../workload/workload-resources.ts'
import { startReplicaSetController } from './replicaset-controller.ts'

const at = { namespace: 'default', name: 'web' }

function start() {
  const clock = new FakeClock()
  const api = new FakeClusterApi(clock)
  const kubelet = new HandKubelet(api, clock)
  return {
    clock,
    api,
    kubelet,
    controller: startReplicaSetController({ api, clock, log: silentLogger }),
  }
}

function newReplicaSet(spec: Partial<ReplicaSetSpec> = {}) {
  return {
    metadata: at,
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: 'web' } },
      template: templateFor('web'),
      ...spec,
    },
  }
}

const statusOf = (api: FakeClusterApi): ReplicaSet['status'] => api.get(replicaSets, at)?.status

test('creates the missing pods with owner, labels and events, and counts them', async () => {
  const { api, controller } = start()
  await using _controller = controller
  await api.create(replicaSets, newReplicaSet())
  await api.settled()
  const all = api.list(pods)
  assert.equal(all.length, 3)
  const { uid } = api.get(replicaSets, at)!.metadata
  for (const { metadata } of all) {
    assert.match(metadata.name, /^web-/)
    assert.deepEqual(metadata.labels, { app: 'web' })
    assert.deepEqual(metadata.ownerReferences, [
      {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        name: 'web',
        uid,
        controller: true,
        blockOwnerDeletion: true,
      },
    ])
  }
  assert.deepEqual(
    [...api.eventsOf('web')].sort(),
    all.map(({ metadata }) => `Normal SuccessfulCreate Created pod: ${metadata.name}`).sort(),
  )
  assert.deepEqual(statusOf(api), {
    replicas: 3,
    fullyLabeledReplicas: 3,
    terminatingReplicas: 0,
    observedGeneration: 1,
  })
})

test('replaces a pod that is deleted or has failed', async () => {
  const { api, kubelet, controller } = start()
  await using _controller = controller
  await api.create(replicaSets, newReplicaSet({ replicas: 2 }))
  await api.settled()
  await kubelet.startAll()
  const [first, second] = kubelet.activePods
  await api.delete(pods, first!.metadata)
  await api.settled()
  assert.equal(kubelet.activePods.length, 2)
  assert.equal(statusOf(api)?.terminatingReplicas, 1)
  kubelet.end(second!, 1)
  await api.settled()
  assert.equal(kubelet.activePods.length, 2)
  await kubelet.reap()
  assert.equal(statusOf(api)?.terminatingReplicas, 0)
  assert.equal(api.list(pods).length, 3, 'the failed pod is kept')
})

test('deletes surplus pods, those that do least first', async () => {
  const { api, kubelet, controller } = start()
  await using _controller = controller
  await api.create(replicaSets, newReplicaSet({ replicas: 3 }))
  await api.settled()
  const [ready, pending, other] = kubelet.activePods
  await kubelet.start(ready!)
  await kubelet.start(other!)
  await api.patch(replicaSets, at, { spec: { replicas: 2 } }, 'scale')
  await api.settled()
  assert.equal(api.get(pods, pending!.metadata), undefined, 'unassigned pods go first')
  assert.equal(kubelet.activePods.length, 2)
  assert.deepEqual(
    api.eventsOf('web').at(-1),
    `Normal SuccessfulDelete Deleted pod: ${pending!.metadata.name}`,
  )
  assert.equal(statusOf(api)?.observedGeneration, 2)
})

test('counts pods as available only after minReadySeconds', async () => {
  const { api, clock, kubelet, controller } = start()
  await using _controller = controller
  await api.create(replicaSets, newReplicaSet({ replicas: 1, minReadySeconds: 30 }))
  await api.settled()
  await kubelet.startAll()
  assert.equal(statusOf(api)?.readyReplicas, 1)
  assert.equal(statusOf(api)?.availableReplicas, undefined)
  await clock.advance(29_000)
  await api.settled()
  assert.equal(statusOf(api)?.availableReplicas, undefined)
  await clock.advance(1_000)
  await api.settled()
  assert.equal(statusOf(api)?.availableReplicas, 1)
})

test('adopts matching orphans and releases pods that no longer match', async () => {
  const { api, kubelet, controller } = start()
  await using _controller = controller
  const orphan = api.seed(pods, {
    metadata: { name: 'stray', namespace: 'default', labels: { app: 'web' } },
    spec: { containers: [] },
  })
  await api.create(replicaSets, newReplicaSet({ replicas: 1 }))
  await api.settled()
  assert.deepEqual(
    kubelet.activePods.map(({ metadata }) => metadata.name),
    ['stray'],
  )
  const owner = api.get(replicaSets, at)!
  assert.deepEqual(api.get(pods, orphan.metadata)?.metadata.ownerReferences, [controlledBy(owner)])
  await api.patch(pods, orphan.metadata, { metadata: { labels: { app: 'debug' } } })
  await api.settled()
  assert.equal(api.get(pods, orphan.metadata)?.metadata.ownerReferences, undefined)
  assert.equal(kubelet.activePods.length, 2, 'a new pod takes its place')
})

test('an orphan that appears later is adopted, and one pod too many is deleted', async () => {
  const { api, kubelet, controller } = start()
  await using _controller = controller
  await api.create(replicaSets, newReplicaSet({ replicas: 1 }))
  await api.settled()
  await kubelet.startAll()
  await api.create(pods, {
    metadata: { name: 'stray', namespace: 'default', labels: { app: 'web' } },
    spec: { containers: [] },
  })
  await api.settled()
  assert.equal(kubelet.activePods.length, 1)
  assert.equal(api.get(pods, { namespace: 'default', name: 'stray' }), undefined)
})

test('a refused pod shows as ReplicaFailure and FailedCreate until it can be created', async () => {
  const { api, clock, controller } = start()
  await using _controller = controller
  const refusal = forbidden({ group: '', plural: 'pods' }, 'web-x', 'exceeded quota: small')
  let attempts = 0
  api.before = ({ verb, resource }) => {
    if (verb !== 'create' || resource !== pods) return
    attempts += 1
    throw refusal
  }
  await api.create(replicaSets, newReplicaSet({ replicas: 100 }))
  await api.settled()
  assert.equal(attempts, 1, 'one attempt, not a hundred')
  assert.deepEqual(
    statusOf(api)?.conditions?.map(({ type, status, reason, message }) => ({
      type,
      status,
      reason,
      message,
    })),
    [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: refusal.message }],
  )
  assert.ok(api.eventsOf('web').includes(`Warning FailedCreate Error creating: ${refusal.message}`))
  api.before = () => {}
  await clock.advance(2_000)
  await api.settled()
  assert.equal(api.list(pods).length, 100)
  assert.equal(statusOf(api)?.conditions, undefined)
})

test('does nothing about pods while its namespace ends', async () => {
  const { api, controller } = start()
  await using _controller = controller
  api.before = ({ verb, resource }) => {
    if (verb !== 'create' || resource !== pods) return
    throw new StatusError(403, 'Forbidden', 'ending', {
      causes: [{ reason: 'NamespaceTerminating', message: 'ending' }],
    })
  }
  await api.create(replicaSets, newReplicaSet())
  await api.settled()
  assert.deepEqual(api.events, [])
  assert.equal(statusOf(api)?.replicas, 0)
})

test('creates thousands of pods and settles with few status writes', async () => {
  const { api, clock, controller } = start()
  await using _controller = controller
  await api.create(replicaSets, newReplicaSet({ replicas: 2_000 }))
  for (let turns = 0; turns < 10 && api.list(pods).length < 2_000; turns += 1) await api.settled()
  await clock.advance(2_000)
  await api.settled()
  assert.equal(api.list(pods).length, 2_000)
  assert.equal(statusOf(api)?.replicas, 2_000)
  const statusWrites = api.writes.filter(({ subresource }) => subresource === 'status').length
  assert.ok(statusWrites <= 20, `${statusWrites} status writes`)
})

test('takes up what it finds when it starts', async () => {
  const clock = new FakeClock()
  const api = new FakeClusterApi(clock)
  const owner = api.seed(replicaSets, newReplicaSet({ replicas: 2 }))
  api.seed(pods, {
    metadata: {
      name: 'web-1',
      namespace: 'default',
      labels: { app: 'web' },
      ownerReferences: [controlledBy(owner)],
    },
    spec: { containers: [] },
    status: readyStatus(clock.nowMs()),
  })
  await using _controller = startReplicaSetController({ api, clock, log: silentLogger })
  await api.settled()
  assert.equal(api.list(pods).length, 2)
  assert.equal(statusOf(api)?.availableReplicas, 1)
})
