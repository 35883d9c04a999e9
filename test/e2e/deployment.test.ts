// SPDX-License-Identifier: Apache-2.0
//
// Long-running workloads on the mock provider: replicas come, are replaced and go.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { eventually } from './eventually.ts'
import type { Deployment } from '../../src/kube/types.gen.ts'
import type { Manifest } from './object-path.ts'
import { podSpec, Pods, shell } from './pods.ts'
import { skipReason } from './requirements.ts'
import { useCluster } from './use-cluster.ts'

describe('a Deployment', { skip: skipReason }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)

  before(async () => {
    await cluster().startVirtualKubelet(['--provider', 'mock'])
    await cluster().apply(deployment(2))
    await rollout()
  })

  async function rollout(): Promise<void> {
    await eventually(
      async () => {
        const { metadata, spec, status } = await cluster().api<Deployment>('GET', WEB)
        const { replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status ?? {}
        const isSeen = (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0)
        const counts = [replicas, updatedReplicas, availableReplicas]
        return isSeen && counts.every((count) => count === spec.replicas)
      },
      { what: 'the rollout to be done' },
    )
  }

  async function scaleTo(replicas: number): Promise<void> {
    await cluster().patch(`${WEB}/scale`, { spec: { replicas } })
    await rollout()
    await eventually(async () => (await pods.list('app=web')).length === replicas, {
      what: `${replicas} pods to be left`,
    })
  }

  test('is scaled up, down and to nothing', async () => {
    for (const replicas of [40, 3, 0]) await scaleTo(replicas)
    await scaleTo(3)
  })

  test('has pods that are Ready, with an address each', async () => {
    const list = await pods.list('app=web')
    for (const { status } of list) {
      assert.equal(status?.phase, 'Running')
      assert.ok(status?.podIP)
      assert.ok(status?.containerStatuses?.every((container) => container.ready))
    }
  })

  test('replaces its pods by those of a new revision', async () => {
    const old = new Set((await pods.list('app=web')).map((pod) => pod.metadata.uid))
    await cluster().api('PATCH', WEB, {
      contentType: 'application/strategic-merge-patch+json',
      body: { spec: { template: { spec: { containers: [{ name: 'main', image: 'other' }] } } } },
    })
    await rollout()
    const current = await eventually(
      async () => {
        const list = await pods.list('app=web')
        return list.every((pod) => !old.has(pod.metadata.uid)) && list
      },
      { what: 'the old pods to be gone' },
    )
    assert.deepEqual(
      current.map((pod) => pod.status?.containerStatuses?.[0]?.image),
      ['other', 'other', 'other'],
    )
  })

  test('replaces a pod that was deleted', async () => {
    const [victim] = await pods.list('app=web')
    await pods.end(victim?.metadata.name ?? '')
    await rollout()
    await eventually(async () => (await pods.list('app=web')).length === 3, { what: 'three pods' })
  })
})

const WEB = '/apis/apps/v1/namespaces/default/deployments/web'

function deployment(replicas: number): Manifest {
  const labels = { app: 'web' }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: podSpec({ containers: [shell('none')] }) },
    },
  }
}
