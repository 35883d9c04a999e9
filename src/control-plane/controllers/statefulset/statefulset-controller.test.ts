// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClusterApi, controlledBy } from '../../../../test/support/fake-cluster-api.ts'
import { HandKubelet, templateFor } from '../../../../test/support/workload-objects.ts'
import { pods } from '../../../kube/resources.ts'
import type {
  ControllerRevision,
  Pod,
  StatefulSet,
  StatefulSetSpec,
} from '../../../kube/types.gen.ts'
import { FakeClock } from '../../../util/fake-clock.ts'
import { silentLogger } from '../../../util/logger.ts'
import {
  controllerRevisions,
  persistentVolumeClaims,
  statefulSets,
} from '../workload/workload-resources.ts'
import { startStatefulSetController } from './statefulset-controller.ts'

const at = { namespace: 'default', name: 'db' }
const claimTemplate = {
  metadata: { name: 'data', namespace: '', uid: '' },
  spec: { accessModes: ['ReadWriteOnce'] },
}

class World implements AsyncDisposable {
  readonly clock = new FakeClock()
  readonly api = new FakeClusterApi(this.clock)
  readonly kubelet = new HandKubelet(this.api, this.clock)
  readonly #controller = startStatefulSetController({
    api: this.api,
    clock: this.clock,
    log: silentLogger,
  })

  async create(spec: Partial<StatefulSetSpec> = {}): Promise<void> {
    await this.api.create(statefulSets, {
      metadata: at,
      spec: {
        replicas: 3,
        serviceName: 'db',
        podManagementPolicy: 'OrderedReady',
        revisionHistoryLimit: 10,
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
        selector: { matchLabels: { app: 'db' } },
        template: templateFor('db'),
        ...spec,
      },
    })
    await this.api.settled()
  }

  get set(): StatefulSet {
    return this.api.get(statefulSets, at)!
  }

  get pods(): readonly Pod[] {
    return this.api.list(pods)
  }

  get names(): readonly string[] {
    return this.pods.map(({ metadata }) => metadata.name)
  }

  get images(): readonly (string | undefined)[] {
    return this.pods.map(({ spec }) => spec.containers[0]?.image)
  }

  get revisions(): readonly ControllerRevision[] {
    return this.api.list(controllerRevisions).toSorted((a, b) => a.revision - b.revision)
  }

  async patch(spec: object): Promise<void> {
    await this.api.patch(statefulSets, at, { spec })
    await this.api.settled()
  }

  /** Starts and reaps pods until nothing changes any more; returns how many were away at most. */
  async rollOut(): Promise<number> {
    let away = 0
    for (let round = 0; round < 40; round += 1) {
      const { revision } = this.api
      await this.kubelet.startAll()
      const ready = this.kubelet.activePods.filter(({ status }) => status?.phase === 'Running')
      away = Math.max(away, (this.set.spec.replicas ?? 1) - ready.length)
      await this.kubelet.reap()
      if (this.api.revision === revision) return away
    }
    return assert.fail('the rollout does not end')
  }

  async pass(seconds: number): Promise<void> {
    await this.clock.advance(seconds * 1000)
    await this.api.settled()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#controller[Symbol.asyncDispose]()
  }
}

test('creates numbered pods one after the other, each when its predecessor is ready', async () => {
  await using world = new World()
  await world.create()
  assert.deepEqual(world.names, ['db-0'])
  await world.kubelet.startAll()
  assert.deepEqual(world.names, ['db-0', 'db-1'])
  await world.pass(60)
  assert.deepEqual(world.names, ['db-0', 'db-1'], 'db-1 is not ready')
  await world.rollOut()
  assert.deepEqual(world.names, ['db-0', 'db-1', 'db-2'])
  const [revision] = world.revisions
  const [first] = world.pods
  assert.deepEqual(first?.metadata.labels, {
    app: 'db',
    'statefulset.kubernetes.io/pod-name': 'db-0',
    'apps.kubernetes.io/pod-index': '0',
    'controller-revision-hash': revision?.metadata.name,
  })
  assert.equal(first?.metadata.generateName, 'db-')
  assert.equal(first?.spec.hostname, 'db-0')
  assert.equal(first?.spec.subdomain, 'db')
  assert.deepEqual(first?.metadata.ownerReferences, [controlledBy(world.set)])
  assert.deepEqual(world.set.status, {
    replicas: 3,
    availableReplicas: 3,
    observedGeneration: 1,
    readyReplicas: 3,
    currentReplicas: 3,
    updatedReplicas: 3,
    currentRevision: revision?.metadata.name,
    updateRevision: revision?.metadata.name,
    collisionCount: 0,
  })
  assert.equal(
    world.api.eventsOf('db')[0],
    'Normal SuccessfulCreate Create Pod db-0 in StatefulSet db successful',
  )
})

test('Parallel creates and deletes all at once', async () => {
  await using world = new World()
  await world.create({ podManagementPolicy: 'Parallel', ordinals: { start: 5 } })
  assert.deepEqual(world.names, ['db-5', 'db-6', 'db-7'])
  await world.patch({ replicas: 1 })
  assert.deepEqual(world.names, ['db-5'])
})

test('shrinks from the highest number down, one at a time', async () => {
  await using world = new World()
  await world.create()
  await world.rollOut()
  await world.patch({ replicas: 1 })
  const going = (): readonly string[] =>
    world.pods
      .filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
      .map(({ metadata }) => metadata.name)
  assert.deepEqual(going(), ['db-2'])
  await world.kubelet.reap()
  assert.deepEqual(going(), ['db-1'])
  await world.kubelet.reap()
  assert.deepEqual(world.names, ['db-0'])
})

test('updates from the highest number down, never more than one pod away', async () => {
  await using world = new World()
  await world.create()
  await world.rollOut()
  await world.patch({ template: templateFor('db', { image: 'two' }) })
  const [old, next] = world.revisions.map(({ metadata }) => metadata.name)
  assert.equal(world.set.status?.currentRevision, old)
  assert.equal(world.set.status?.updateRevision, next)
  assert.equal(world.set.status?.currentReplicas, 2)
  const away = await world.rollOut()
  assert.equal(away, 1)
  assert.deepEqual(world.images, ['two', 'two', 'two'])
  assert.equal(world.set.status?.currentRevision, next)
  assert.equal(world.set.status?.updatedReplicas, 3)
})

test('a partition keeps the lower numbers at the old revision, even when they are made anew', async () => {
  await using world = new World()
  await world.create({
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } },
  })
  await world.rollOut()
  await world.patch({ template: templateFor('db', { image: 'two' }) })
  await world.rollOut()
  assert.deepEqual(world.images, ['one', 'one', 'two'])
  await world.api.delete(pods, { namespace: 'default', name: 'db-0' })
  await world.rollOut()
  assert.deepEqual(world.images, ['one', 'one', 'two'])
  assert.equal(world.set.status?.updatedReplicas, 1)
  await world.patch({ updateStrategy: { rollingUpdate: { partition: 0 } } })
  await world.rollOut()
  assert.deepEqual(world.images, ['two', 'two', 'two'])
})

test('OnDelete updates a pod when somebody deletes it', async () => {
  await using world = new World()
  await world.create({ updateStrategy: { type: 'OnDelete' } })
  await world.rollOut()
  await world.patch({ template: templateFor('db', { image: 'two' }) })
  await world.rollOut()
  assert.deepEqual(world.images, ['one', 'one', 'one'])
  await world.api.delete(pods, { namespace: 'default', name: 'db-1' })
  await world.rollOut()
  assert.deepEqual(world.images, ['one', 'two', 'one'])
})

test('going back to an old template renumbers its revision; the history is cut', async () => {
  await using world = new World()
  await world.create({ revisionHistoryLimit: 1, replicas: 1 })
  for (const image of ['two', 'three', 'one']) {
    await world.rollOut()
    await world.patch({ template: templateFor('db', { image }) })
  }
  await world.rollOut()
  assert.deepEqual(
    world.revisions.map(({ revision }) => revision),
    [3, 4],
  )
  const data = world.revisions[1]?.data as { spec: { template: { spec: object; $patch: string } } }
  assert.deepEqual(data.spec.template.spec, templateFor('db').spec)
  assert.equal(data.spec.template.$patch, 'replace')
})

test('a failed pod is deleted and made anew under its name', async () => {
  await using world = new World()
  await world.create({ replicas: 1 })
  await world.rollOut()
  const [first] = world.pods
  world.kubelet.end(first!, 1)
  await world.api.settled()
  await world.rollOut()
  assert.deepEqual(world.names, ['db-0'])
  assert.notEqual(world.pods[0]?.metadata.uid, first?.metadata.uid)
})

test('makes a claim for each pod and keeps it when the set shrinks', async () => {
  await using world = new World()
  await world.create({ replicas: 2, volumeClaimTemplates: [claimTemplate] })
  await world.rollOut()
  const claims = world.api.list(persistentVolumeClaims)
  assert.deepEqual(
    claims.map(({ metadata }) => [metadata.name, metadata.labels, metadata.ownerReferences]),
    [
      ['data-db-0', { app: 'db' }, undefined],
      ['data-db-1', { app: 'db' }, undefined],
    ],
  )
  assert.deepEqual(world.pods[1]?.spec.volumes, [
    { name: 'data', persistentVolumeClaim: { claimName: 'data-db-1' } },
  ])
  await world.patch({ replicas: 1 })
  await world.rollOut()
  assert.equal(world.api.list(persistentVolumeClaims).length, 2)
  assert.ok(
    world.api
      .eventsOf('db')
      .includes(
        'Normal SuccessfulCreate Create Claim data-db-0 Pod db-0 in StatefulSet db success',
      ),
  )
})

test('claims belong to whoever takes them along', async () => {
  await using world = new World()
  await world.create({
    replicas: 2,
    volumeClaimTemplates: [claimTemplate],
    persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete', whenScaled: 'Delete' },
  })
  await world.rollOut()
  const ownersOf = (name: string): readonly (string | undefined)[] =>
    (
      world.api.get(persistentVolumeClaims, { namespace: 'default', name })?.metadata
        .ownerReferences ?? []
    ).map((reference) => `${reference.kind}/${reference.name}`)
  assert.deepEqual(ownersOf('data-db-1'), ['StatefulSet/db'])
  await world.patch({ replicas: 1 })
  assert.deepEqual(ownersOf('data-db-1'), ['Pod/db-1'])
  assert.deepEqual(ownersOf('data-db-0'), ['StatefulSet/db'])
  await world.kubelet.reap()
  await world.patch({ replicas: 2 })
  assert.deepEqual(world.names, ['db-0'], 'the claim of the old db-1 has to go first')
  await world.api.delete(persistentVolumeClaims, { namespace: 'default', name: 'data-db-1' })
  await world.api.settled()
  assert.deepEqual(world.names, ['db-0', 'db-1'])
})

test('minReadySeconds holds the next pod back', async () => {
  await using world = new World()
  await world.create({ minReadySeconds: 30 })
  await world.kubelet.startAll()
  assert.deepEqual(world.names, ['db-0'])
  assert.equal(world.set.status?.readyReplicas, 1)
  assert.equal(world.set.status?.availableReplicas, 0)
  await world.pass(30)
  assert.deepEqual(world.names, ['db-0', 'db-1'])
  assert.equal(world.set.status?.availableReplicas, 1)
})

test('adopts an orphan of the right name and labels, and no other', async () => {
  await using world = new World()
  const labels = { app: 'db' }
  for (const name of ['db-0', 'db-x', 'other-1']) {
    world.api.seed(pods, {
      metadata: { namespace: 'default', name, labels },
      spec: { containers: [] },
    })
  }
  await world.create({ replicas: 1 })
  await world.rollOut()
  const owned = world.pods.filter(({ metadata }) => metadata.ownerReferences !== undefined)
  assert.deepEqual(
    owned.map(({ metadata }) => metadata.name),
    ['db-0'],
  )
  assert.equal(owned[0]?.metadata.labels?.['statefulset.kubernetes.io/pod-name'], 'db-0')
})
