// SPDX-License-Identifier: Apache-2.0
//
// Long-running workloads on the mock provider: replicas come, are replaced and go.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { eventually } from './eventually.ts'
import { podSpec, Pods, shell } from './pods.ts'
import { skipReason } from './requirements.ts'
import { useCluster } from './use-cluster.ts'

describe('a Deployment', { skip: skipReason }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)

  before(async () => {
    await cluster().startVirtualKubelet(['--provider', 'mock'])
    await cluster().kubectl(['apply', '-f', '-'], { input: deployment(2) })
    await rollout()
  })

  async function rollout(): Promise<void> {
    await cluster().kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s'])
  }

  async function scaleTo(replicas: number): Promise<void> {
    await cluster().kubectl(['scale', 'deployment/web', `--replicas=${replicas}`])
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
    await cluster().kubectl(['set', 'image', 'deployment/web', 'main=other'])
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
    await cluster().kubectl(['delete', 'pod', victim?.metadata.name ?? ''])
    await rollout()
    assert.equal((await pods.list('app=web')).length, 3)
  })
})

function deployment(replicas: number): object {
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
