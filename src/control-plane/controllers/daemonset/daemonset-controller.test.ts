// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClusterApi } from '../../../../test/support/fake-cluster-api.ts'
import { HandKubelet, readyStatus, templateFor } from '../../../../test/support/workload-objects.ts'
import { nodes, pods } from '../../../kube/resources.ts'
import type { DaemonSet, DaemonSetSpec, Pod } from '../../../kube/types.gen.ts'
import { FakeClock } from '../../../util/fake-clock.ts'
import { silentLogger } from '../../../util/logger.ts'
import { controllerRevisions, daemonSets } from '../workload/workload-resources.ts'
import { targetNodeOf } from './daemon-pod.ts'
import { startDaemonSetController } from './daemonset-controller.ts'

const at = { namespace: 'default', name: 'agent' }

class World implements AsyncDisposable {
  readonly clock = new FakeClock()
  readonly api = new FakeClusterApi(this.clock)
  readonly kubelet = new HandKubelet(this.api, this.clock)
  readonly #controller = startDaemonSetController({
    api: this.api,
    clock: this.clock,
    log: silentLogger,
  })

  async create(nodeCount: number, spec: Partial<DaemonSetSpec> = {}): Promise<void> {
    for (let n = 1; n <= nodeCount; n += 1) this.kubelet.addNode(`n${n}`, { disk: 'ssd' })
    await this.api.create(daemonSets, {
      metadata: at,
      spec: {
        selector: { matchLabels: { app: 'agent' } },
        template: templateFor('agent'),
        updateStrategy: {
          type: 'RollingUpdate',
          rollingUpdate: { maxUnavailable: 1, maxSurge: 0 },
        },
        revisionHistoryLimit: 10,
        ...spec,
      },
    })
    await this.api.settled()
  }

  get status(): Partial<NonNullable<DaemonSet['status']>> {
    return this.api.get(daemonSets, at)?.status ?? {}
  }

  get pods(): readonly Pod[] {
    return this.api.list(pods)
  }

  get targets(): readonly string[] {
    const targets = this.kubelet.activePods.map((pod) => targetNodeOf(pod) ?? '')
    return targets.toSorted((a, b) => a.localeCompare(b))
  }

  async setImage(image: string): Promise<void> {
    await this.api.patch(daemonSets, at, { spec: { template: templateFor('agent', { image }) } })
    await this.api.settled()
  }

  /** Binds each pod to the node that it is for and makes it ready. */
  async startAll(): Promise<void> {
    for (const { metadata, spec, status } of this.kubelet.activePods) {
      const nodeName = targetNodeOf({ metadata, spec })!
      if (spec.nodeName === undefined) await this.api.bind(metadata, nodeName, metadata.uid)
      if (status?.phase === undefined) {
        this.api.setPodStatus(metadata, readyStatus(this.clock.nowMs()))
      }
    }
    await this.api.settled()
  }

  async pass(seconds: number): Promise<void> {
    await this.clock.advance(seconds * 1000)
    await this.api.settled()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#controller[Symbol.asyncDispose]()
  }
}

test('makes a pod for each node, bound by affinity and tolerant of its troubles', async () => {
  await using world = new World()
  await world.create(2)
  assert.deepEqual(world.targets, ['n1', 'n2'])
  const [pod] = world.pods
  const [revision] = world.api.list(controllerRevisions)
  assert.deepEqual(pod?.metadata.labels, {
    app: 'agent',
    'controller-revision-hash': revision?.metadata.labels?.['controller-revision-hash'],
  })
  assert.deepEqual(
    pod?.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution,
    {
      nodeSelectorTerms: [
        { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] },
      ],
    },
  )
  assert.deepEqual(
    pod?.spec.tolerations?.map(({ key, operator, effect }) => `${key} ${operator} ${effect}`),
    [
      'node.kubernetes.io/not-ready Exists NoExecute',
      'node.kubernetes.io/unreachable Exists NoExecute',
      'node.kubernetes.io/disk-pressure Exists NoSchedule',
      'node.kubernetes.io/memory-pressure Exists NoSchedule',
      'node.kubernetes.io/pid-pressure Exists NoSchedule',
      'node.kubernetes.io/unschedulable Exists NoSchedule',
    ],
  )
  await world.startAll()
  assert.deepEqual(world.status, {
    desiredNumberScheduled: 2,
    currentNumberScheduled: 2,
    numberMisscheduled: 0,
    numberReady: 2,
    observedGeneration: 1,
    updatedNumberScheduled: 2,
    numberAvailable: 2,
  })
})

test('follows nodes that come, go, change their labels, or are tainted', async () => {
  await using world = new World()
  const template = templateFor('agent')
  await world.create(1, {
    template: { ...template, spec: { ...template.spec!, nodeSelector: { disk: 'ssd' } } },
  })
  world.kubelet.addNode('n2', { disk: 'hdd' })
  world.kubelet.addNode('n3', { disk: 'ssd' })
  await world.api.settled()
  assert.deepEqual(world.targets, ['n1', 'n3'])
  await world.api.patch(nodes, { name: 'n2' }, { metadata: { labels: { disk: 'ssd' } } })
  await world.api.settled()
  assert.deepEqual(world.targets, ['n1', 'n2', 'n3'])
  await world.startAll()
  const taint = (effect: string) => ({ spec: { taints: [{ key: 'only-gpu', effect }] } })
  await world.api.patch(nodes, { name: 'n1' }, taint('NoSchedule'))
  await world.api.settled()
  assert.deepEqual(world.targets, ['n1', 'n2', 'n3'], 'a pod that is there may stay')
  assert.equal(world.status.numberMisscheduled, 1)
  await world.api.patch(nodes, { name: 'n1' }, taint('NoExecute'))
  await world.api.settled()
  assert.deepEqual(world.targets, ['n2', 'n3'])
})

test('a pod that waits for a node that has gone is deleted', async () => {
  await using world = new World()
  await world.create(2)
  await world.api.delete(nodes, { name: 'n2' })
  await world.api.settled()
  assert.deepEqual(world.targets, ['n1'])
})

test('failed pods are replaced, each time after a longer wait', async () => {
  await using world = new World()
  await world.create(1)
  await world.startAll()
  const failed = (): readonly string[] =>
    world.api.eventsOf('agent').filter((event) => event.includes('FailedDaemonPod'))
  const fail = async (): Promise<void> => {
    world.kubelet.end(world.kubelet.activePods[0]!, 1)
    await world.api.settled()
  }
  const [first] = world.pods
  await fail()
  assert.deepEqual(failed(), [
    `Warning FailedDaemonPod Found failed daemon pod default/${first?.metadata.name} on node n1, will try to kill it`,
  ])
  assert.deepEqual(world.targets, ['n1'])
  await world.startAll()
  await fail()
  assert.deepEqual(world.targets, [], 'not at once again')
  await world.pass(1)
  assert.deepEqual(world.targets, ['n1'])
  await world.startAll()
  await fail()
  await world.pass(1)
  assert.deepEqual(world.targets, [])
  await world.pass(1)
  assert.deepEqual(world.targets, ['n1'])
})

test('a rolling update keeps all but maxUnavailable nodes served', async () => {
  await using world = new World()
  await world.create(4, {
    updateStrategy: {
      type: 'RollingUpdate',
      rollingUpdate: { maxUnavailable: '50%', maxSurge: 0 },
    },
  })
  await world.startAll()
  await world.setImage('two')
  let least = 4
  for (let round = 0; round < 10; round += 1) {
    const serving = world.kubelet.activePods.filter(({ status }) => status?.phase === 'Running')
    least = Math.min(least, serving.length)
    await world.kubelet.reap()
    await world.startAll()
  }
  assert.equal(least, 2)
  assert.deepEqual(
    world.pods.map(({ spec }) => spec.containers[0]?.image),
    ['two', 'two', 'two', 'two'],
  )
  assert.equal(world.status.updatedNumberScheduled, 4)
  assert.equal(world.api.list(controllerRevisions).length, 2)
})

test('a surging update never leaves a node unserved', async () => {
  await using world = new World()
  await world.create(3, {
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
  })
  await world.startAll()
  await world.setImage('two')
  for (let round = 0; round < 10; round += 1) {
    const serving = world.kubelet.activePods.filter(({ status }) => status?.phase === 'Running')
    assert.equal(new Set(serving.map(targetNodeOf)).size, 3)
    assert.ok(world.kubelet.activePods.length <= 4)
    await world.startAll()
    await world.kubelet.reap()
  }
  assert.deepEqual(
    world.pods.map(({ spec }) => spec.containers[0]?.image),
    ['two', 'two', 'two'],
  )
})

test('OnDelete updates a node when its pod is deleted', async () => {
  await using world = new World()
  await world.create(2, { updateStrategy: { type: 'OnDelete' } })
  await world.startAll()
  await world.setImage('two')
  await world.pass(60)
  assert.equal(world.status.updatedNumberScheduled, undefined)
  await world.api.delete(pods, world.pods[0]!.metadata)
  await world.kubelet.reap()
  await world.startAll()
  assert.equal(world.status.updatedNumberScheduled, 1)
})
