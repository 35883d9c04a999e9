// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClusterApi } from '../../../../test/support/fake-cluster-api.ts'
import { HandKubelet, templateFor } from '../../../../test/support/workload-objects.ts'
import { pods } from '../../../kube/resources.ts'
import type { Deployment, DeploymentSpec, ReplicaSet } from '../../../kube/types.gen.ts'
import { FakeClock } from '../../../util/fake-clock.ts'
import { silentLogger } from '../../../util/logger.ts'
import { alreadyExists, forbidden } from '../../objects/api-status.ts'
import { startReplicaSetController } from '../replicaset/replicaset-controller.ts'
import { deployments, replicaSets } from '../workload/workload-resources.ts'
import { startDeploymentController } from './deployment-controller.ts'
import { revisionOf } from './revisions.ts'

const at = { namespace: 'default', name: 'web' }
const revisionKey = 'deployment.kubernetes.io/revision'

class World implements AsyncDisposable {
  readonly clock = new FakeClock()
  readonly api = new FakeClusterApi(this.clock)
  readonly kubelet = new HandKubelet(this.api, this.clock)
  readonly #controllers = new AsyncDisposableStack()

  constructor() {
    const context = { api: this.api, clock: this.clock, log: silentLogger }
    this.#controllers.use(startReplicaSetController(context))
    this.#controllers.use(startDeploymentController(context))
  }

  async create(spec: Partial<DeploymentSpec> = {}): Promise<void> {
    await this.api.create(deployments, {
      metadata: { ...at, annotations: { note: 'first' } },
      spec: {
        replicas: 3,
        selector: { matchLabels: { app: 'web' } },
        template: templateFor('web'),
        strategy: {
          type: 'RollingUpdate',
          rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' },
        },
        revisionHistoryLimit: 10,
        progressDeadlineSeconds: 600,
        ...spec,
      },
    })
    await this.api.settled()
  }

  get deployment(): Deployment {
    return this.api.get(deployments, at)!
  }

  /** Oldest revision first. */
  get replicaSets(): readonly ReplicaSet[] {
    return this.api.list(replicaSets).toSorted((a, b) => revisionOf(a) - revisionOf(b))
  }

  get sizes(): readonly (number | undefined)[] {
    return this.replicaSets.map(({ spec }) => spec.replicas)
  }

  get conditions(): readonly string[] {
    return (this.deployment.status?.conditions ?? []).map(
      ({ type, status, reason }) => `${type}=${status} ${reason}`,
    )
  }

  get scalings(): readonly string[] {
    return this.api
      .eventsOf('web')
      .filter((event) => event.includes('ScalingReplicaSet'))
      .map((event) => event.replace('Normal ScalingReplicaSet Scaled ', ''))
  }

  async patch(spec: object): Promise<void> {
    await this.api.patch(deployments, at, { spec })
    await this.api.settled()
  }

  async setImage(image: string): Promise<void> {
    await this.patch({ template: templateFor('web', { image }) })
  }

  /** Starts and reaps pods until nothing changes any more. */
  async rollOut(): Promise<void> {
    for (let round = 0; round < 30; round += 1) {
      const { revision } = this.api
      await this.pass(1)
      await this.kubelet.startAll()
      await this.kubelet.reap()
      if (this.api.revision === revision) return
    }
    assert.fail('the rollout does not end')
  }

  async pass(seconds: number): Promise<void> {
    await this.clock.advance(seconds * 1000)
    await this.api.settled()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#controllers.disposeAsync()
  }
}

test('makes a ReplicaSet with hash, revision and inherited annotations, and reports progress', async () => {
  await using world = new World()
  await world.create()
  const [first] = world.replicaSets
  const { metadata, spec } = first!
  const hash = metadata.labels?.['pod-template-hash']
  assert.match(hash ?? '', /^[bcdfghjklmnpqrstvwxz2456789]{1,10}$/)
  assert.equal(metadata.name, `web-${hash}`)
  assert.deepEqual(metadata.annotations, {
    note: 'first',
    'deployment.kubernetes.io/desired-replicas': '3',
    'deployment.kubernetes.io/max-replicas': '4',
    [revisionKey]: '1',
  })
  assert.deepEqual(spec.selector.matchLabels, { app: 'web', 'pod-template-hash': hash })
  assert.deepEqual(spec.template?.metadata?.labels, { app: 'web', 'pod-template-hash': hash })
  assert.equal(world.deployment.metadata.annotations?.[revisionKey], '1')
  assert.deepEqual(world.scalings, [`up replica set web-${hash} from 0 to 3`])
  assert.deepEqual(world.deployment.status, {
    observedGeneration: 1,
    replicas: 3,
    updatedReplicas: 3,
    unavailableReplicas: 3,
    terminatingReplicas: 0,
    conditions: [
      {
        type: 'Available',
        status: 'False',
        reason: 'MinimumReplicasUnavailable',
        message: 'Deployment does not have minimum availability.',
        lastUpdateTime: '2026-01-01T00:00:00Z',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
      {
        type: 'Progressing',
        status: 'True',
        reason: 'ReplicaSetUpdated',
        message: `ReplicaSet "web-${hash}" is progressing.`,
        lastUpdateTime: '2026-01-01T00:00:00Z',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
    ],
  })
  await world.pass(5)
  await world.kubelet.startAll()
  const status = world.api.get(deployments, at)?.status
  assert.equal(status?.availableReplicas, 3)
  assert.equal(status?.unavailableReplicas, undefined)
  assert.deepEqual(world.conditions, [
    'Available=True MinimumReplicasAvailable',
    'Progressing=True NewReplicaSetAvailable',
  ])
  const progressing = status?.conditions?.find(({ type }) => type === 'Progressing')
  assert.equal(progressing?.message, `ReplicaSet "web-${hash}" has successfully progressed.`)
  assert.equal(progressing?.lastTransitionTime, '2026-01-01T00:00:00Z')
})

test('rolls over in the steps that surge and unavailability allow', async () => {
  await using world = new World()
  await world.create({ replicas: 4 })
  await world.rollOut()
  await world.setImage('two')
  const [first, second] = world.replicaSets.map(({ metadata }) => metadata.name)
  assert.deepEqual(world.sizes, [3, 2])
  await world.rollOut()
  assert.deepEqual(world.sizes, [0, 4])
  assert.equal(world.deployment.metadata.annotations?.[revisionKey], '2')
  assert.deepEqual(world.scalings.slice(1, 4), [
    `up replica set ${second} from 0 to 1`,
    `down replica set ${first} from 4 to 3`,
    `up replica set ${second} from 1 to 2`,
  ])
  assert.ok(world.conditions.includes('Progressing=True NewReplicaSetAvailable'))
})

test('a rollout whose pods do not become ready keeps the old pods and misses its deadline', async () => {
  await using world = new World()
  await world.create({ replicas: 4 })
  await world.rollOut()
  await world.setImage('broken')
  await world.pass(10)
  assert.deepEqual(world.sizes, [3, 2])
  await world.pass(600)
  assert.deepEqual(world.sizes, [3, 2])
  assert.ok(world.conditions.includes('Progressing=False ProgressDeadlineExceeded'))
  assert.ok(world.conditions.includes('Available=True MinimumReplicasAvailable'))
})

test('going back to an old template takes its ReplicaSet again, under a new revision', async () => {
  await using world = new World()
  await world.create()
  await world.rollOut()
  const [first] = world.replicaSets
  await world.setImage('two')
  await world.rollOut()
  await world.patch({ template: templateFor('web') })
  await world.rollOut()
  assert.equal(world.replicaSets.length, 2)
  const again = world.api.get(replicaSets, first!.metadata)
  assert.equal(again?.spec.replicas, 3)
  assert.equal(again?.metadata.annotations?.[revisionKey], '3')
  assert.equal(again?.metadata.annotations?.['deployment.kubernetes.io/revision-history'], '1')
  assert.equal(world.deployment.metadata.annotations?.[revisionKey], '3')
})

test('Recreate waits for the end of the old pods', async () => {
  await using world = new World()
  await world.create({ strategy: { type: 'Recreate' } })
  await world.rollOut()
  await world.setImage('two')
  assert.deepEqual(world.sizes, [0])
  assert.equal(world.kubelet.activePods.length, 0)
  assert.equal(world.api.list(pods).length, 3, 'the old pods are still ending')
  await world.kubelet.reap()
  assert.deepEqual(world.sizes, [0, 3])
  await world.rollOut()
  assert.ok(world.conditions.includes('Progressing=True NewReplicaSetAvailable'))
})

test('a paused Deployment scales but does not roll out; resuming rolls out', async () => {
  await using world = new World()
  await world.create()
  await world.rollOut()
  await world.patch({ paused: true })
  assert.ok(world.conditions.includes('Progressing=Unknown DeploymentPaused'))
  await world.setImage('two')
  await world.patch({ replicas: 5 })
  assert.deepEqual(world.sizes, [5])
  await world.pass(1_000)
  await world.patch({ paused: false })
  assert.ok(!world.conditions.some((condition) => condition.includes('Deadline')))
  await world.rollOut()
  assert.deepEqual(world.sizes, [0, 5])
})

test('scaling during a rollout keeps the proportions', async () => {
  await using world = new World()
  await world.create({
    replicas: 10,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } },
  })
  await world.rollOut()
  await world.setImage('broken')
  await world.pass(1)
  assert.deepEqual(world.sizes, [8, 5])
  await world.patch({ replicas: 30 })
  assert.deepEqual(world.sizes, [20, 13])
})

test('keeps as many old ReplicaSets as the history limit says', async () => {
  await using world = new World()
  await world.create({ revisionHistoryLimit: 1 })
  for (const image of ['two', 'three', 'four']) {
    await world.rollOut()
    await world.setImage(image)
  }
  await world.rollOut()
  assert.deepEqual(world.replicaSets.map(revisionOf), [3, 4])
})

test('a name that another object has is avoided', async () => {
  await using world = new World()
  let refused = ''
  world.api.before = ({ verb, resource, body }) => {
    if (verb !== 'create' || resource !== replicaSets) return
    const { name } = (body as ReplicaSet).metadata
    if (refused !== '' && name !== refused) return
    refused = name
    throw alreadyExists({ group: 'apps', plural: 'replicasets' }, name)
  }
  await world.create()
  await world.pass(1)
  assert.equal(world.deployment.status?.collisionCount, 1)
  assert.equal(world.replicaSets.length, 1)
  assert.notEqual(world.replicaSets[0]?.metadata.name, refused)
})

test('a ReplicaSet that may not be created shows in condition and event', async () => {
  await using world = new World()
  const refusal = forbidden({ group: 'apps', plural: 'replicasets' }, 'web', 'no')
  world.api.before = ({ verb, resource }) => {
    if (verb === 'create' && resource === replicaSets) throw refusal
  }
  await world.create()
  assert.ok(world.conditions.includes('Progressing=False ReplicaSetCreateError'))
  assert.match(
    world.api.eventsOf('web').at(-1) ?? '',
    /ReplicaSetCreateError Failed to create new replica set "web-\w+": .* no$/,
  )
})

test('pods that may not be created show as ReplicaFailure', async () => {
  await using world = new World()
  world.api.before = ({ verb, resource }) => {
    if (verb === 'create' && resource === pods) {
      throw forbidden({ group: '', plural: 'pods' }, 'x', 'exceeded quota')
    }
  }
  await world.create()
  assert.ok(world.conditions.includes('ReplicaFailure=True FailedCreate'))
  world.api.before = () => {}
  await world.pass(5)
  assert.ok(!world.conditions.some((condition) => condition.startsWith('ReplicaFailure')))
})

test('scales to zero and back', async () => {
  await using world = new World()
  await world.create()
  await world.rollOut()
  await world.patch({ replicas: 0 })
  await world.rollOut()
  assert.deepEqual(world.sizes, [0])
  assert.equal(world.deployment.status?.replicas, undefined)
  await world.patch({ replicas: 2 })
  assert.deepEqual(world.sizes, [2])
})
