// SPDX-License-Identifier: Apache-2.0
//
// Controllers that care which pod is which: StatefulSets by number, DaemonSets by node; and the budgets
// that protect pods from eviction. On the mock provider.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import type { DaemonSet, Pod, PodDisruptionBudget } from '../../src/kube/types.gen.ts'
import { eventually } from './eventually.ts'
import type { Manifest } from './object-path.ts'
import { objectPath } from './object-path.ts'
import { conditionOf, Pods } from './pods.ts'
import { skipReason } from './requirements.ts'
import { useCluster } from './use-cluster.ts'
import { workload } from './workloads.ts'

describe('on two nodes', { skip: skipReason }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)

  before(async () => {
    const configFile = join(cluster().files.folder, 'nodes.json')
    const nodes = ['one', 'two'].map((name) => {
      const address = cluster().addAddress()
      return { name, provider: 'mock', nodeIPs: [address], address }
    })
    writeFileSync(configFile, JSON.stringify({ nodes }))
    await cluster().startVirtualKubelet([], {
      configFile,
      nodeName: 'one',
      nodeIp: nodes[0]?.address ?? '',
      kubeconfig: cluster().kubeconfig,
    })
  })

  const isReady = (pod: Pod) => conditionOf(pod, 'Ready')?.status === 'True'

  async function readyPods(app: string, names: readonly string[]): Promise<readonly Pod[]> {
    return await eventually(
      async () => {
        const list = await pods.list(`app=${app}`)
        const found = list.map(({ metadata }) => metadata.name).toSorted()
        return found.join() === names.join() && list.every(isReady) && list
      },
      { what: `the pods ${names.join()} to be Ready` },
    )
  }

  test('a StatefulSet makes its pods in order, keeps their names, and removes the last first', async () => {
    const set = workload('StatefulSet', 'db', { replicas: 3, spec: { serviceName: 'db' } })
    await cluster().create(set)
    const made = await readyPods('db', ['db-0', 'db-1', 'db-2'])
    const ready = new Map(made.map((pod) => [pod.metadata.name, readySince(pod)] as const))
    for (const { metadata } of made) {
      const before = ready.get(`db-${Number(metadata.name.slice(3)) - 1}`)
      assert.ok(before === undefined || before <= String(metadata.creationTimestamp))
      assert.equal(metadata.labels?.['apps.kubernetes.io/pod-index'], metadata.name.slice(3))
    }
    const old = made.find(({ metadata }) => metadata.name === 'db-1')?.metadata.uid
    await pods.delete('db-1')
    await pods.until('db-1', (pod) => pod.metadata.uid !== old && isReady(pod), {
      what: 'be another pod, Ready under the old name',
    })
    await cluster().patch(`${objectPath(set)}/scale`, { spec: { replicas: 1 } })
    await readyPods('db', ['db-0'])
    await cluster().delete(objectPath(set))
  })

  test('a DaemonSet has one pod on each node, also on one that was cordoned', async () => {
    await cluster().patch('/api/v1/nodes/two', { spec: { unschedulable: true } })
    const set = workload('DaemonSet', 'agent')
    await cluster().create(set)
    const status = await eventually(
      async () => {
        const { status } = await cluster().api<DaemonSet>('GET', objectPath(set))
        return status?.numberReady === 2 && status
      },
      { what: 'the DaemonSet to be ready' },
    )
    assert.equal(status.desiredNumberScheduled, 2)
    const nodes = (await pods.list('app=agent')).map(({ spec }) => spec.nodeName)
    assert.deepEqual([...nodes].map(String).toSorted(), ['one', 'two'])
    await cluster().patch('/api/v1/nodes/two', { spec: { unschedulable: null } })
    await cluster().patch(objectPath(set), {
      spec: { template: { spec: { nodeSelector: { 'kubernetes.io/hostname': 'one' } } } },
    })
    await eventually(
      async () => {
        const list = await pods.list('app=agent')
        return list.length === 1 && list[0]?.spec.nodeName === 'one' && isReady(list[0])
      },
      { what: 'its pod to stay on one node only' },
    )
    await cluster().delete(objectPath(set))
  })

  test('a budget refuses evictions that would break it, until there are enough pods again', async () => {
    await cluster().create(workload('Deployment', 'web', { replicas: 2 }), budget('web', 2))
    const [first] = await eventually(
      async () => {
        const path = objectPath(budget('web', 2))
        const { status } = await cluster().api<PodDisruptionBudget>('GET', path)
        const list = await pods.list('app=web')
        return status?.currentHealthy === 2 && list.length === 2 && list
      },
      { what: 'the budget to know both pods' },
    )
    const name = first?.metadata.name ?? ''
    await assert.rejects(
      evict(name),
      /Cannot evict pod as it would violate the pod's disruption budget\./,
    )
    assert.equal((await pods.get(name)).metadata.deletionTimestamp, undefined)
    await cluster().patch('/apis/apps/v1/namespaces/default/deployments/web/scale', {
      spec: { replicas: 3 },
    })
    await eventually(async () => (await evict(name), true), { what: 'the eviction to be allowed' })
    await eventually(async () => (await pods.find(name)) === undefined, { what: 'the pod to go' })
  })

  async function evict(name: string): Promise<void> {
    await cluster().api('POST', `/api/v1/namespaces/default/pods/${name}/eviction`, {
      body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name } },
    })
  }
})

function readySince(pod: Pod): string {
  const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready')
  return String(ready?.lastTransitionTime)
}

function budget(app: string, minAvailable: number): Manifest {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: app },
    spec: { minAvailable, selector: { matchLabels: { app } } },
  }
}
