// SPDX-License-Identifier: Apache-2.0
//
// What goes when something else goes: dependents of an owner, in each of the three ways, and everything
// in a namespace.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ConfigMap, Namespace, Pod, ReplicaSet } from '../../src/kube/types.gen.ts'
import { ApiStatusError } from './api-client.ts'
import type { DeleteOptions } from './cluster.ts'
import { eventually } from './eventually.ts'
import type { Manifest } from './object-path.ts'
import { objectPath } from './object-path.ts'
import type { List } from './pods.ts'
import { Pods } from './pods.ts'
import { skipReason } from './requirements.ts'
import { useCluster } from './use-cluster.ts'
import { workload } from './workloads.ts'

const HOLD = 'example.com/hold'
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'

describe('garbage collection', { skip: skipReason }, () => {
  // Pods that no node has are gone as soon as they are deleted.
  const cluster = useCluster({ scheduler: false })
  const pods = new Pods(cluster)

  async function started(object: Manifest): Promise<void> {
    await cluster().create(object)
    // Its controller has seen them; the garbage collector of the same process, which orphans what it knows, too.
    await eventually(
      async () => {
        const { status } = await cluster().api<ReplicaSet>('GET', objectPath(object))
        return status?.replicas === 2
      },
      { what: `the pods of ${object.metadata.name}` },
    )
  }

  async function isGone(path: string): Promise<boolean> {
    try {
      await cluster().api('GET', path)
      return false
    } catch (error) {
      if (error instanceof ApiStatusError && error.status === 404) return true
      throw error
    }
  }

  const untilGone = async (path: string) =>
    await eventually(() => isGone(path), { what: `${path} to be gone` })

  const remove = async (object: Manifest, policy: DeleteOptions['propagationPolicy'] & string) =>
    await cluster().delete(objectPath(object), { propagationPolicy: policy })

  test('in the background: the owner first, then all below it', async () => {
    const web = workload('Deployment', 'web', { replicas: 2 })
    await started(web)
    await remove(web, 'Background')
    assert.ok(await isGone(objectPath(web)))
    await eventually(async () => (await pods.list('app=web')).length === 0, { what: 'no pods' })
    const sets = '/apis/apps/v1/namespaces/default/replicasets?labelSelector=app%3Dweb'
    assert.deepEqual((await cluster().api<List<ReplicaSet>>('GET', sets)).items, [])
  })

  test('in the foreground: the owner waits for the last of its dependents', async () => {
    const set = workload('ReplicaSet', 'held', {
      replicas: 2,
      podMetadata: { finalizers: [HOLD], labels: { app: 'held' } },
    })
    await started(set)
    await remove(set, 'Foreground')
    await eventually(
      async () => (await pods.list('app=held')).every((pod) => pod.metadata.deletionTimestamp),
      { what: 'the pods to be deleted' },
    )
    const owner = await cluster().api<ReplicaSet>('GET', objectPath(set))
    assert.ok(owner.metadata.deletionTimestamp)
    assert.deepEqual(owner.metadata.finalizers, ['foregroundDeletion'])
    for (const { metadata } of await pods.list('app=held')) {
      const path = `/api/v1/namespaces/default/pods/${metadata.name}`
      await cluster().patch(path, { metadata: { finalizers: null } })
    }
    await untilGone(objectPath(set))
  })

  test('as orphans: the dependents stay, and belong to nobody', async () => {
    const set = workload('ReplicaSet', 'parent', { replicas: 2 })
    await started(set)
    await remove(set, 'Orphan')
    await untilGone(objectPath(set))
    const orphans = await pods.list('app=parent')
    assert.equal(orphans.length, 2)
    for (const { metadata } of orphans) assert.equal(metadata.ownerReferences, undefined)
    await cluster().create(set)
    const adopted = await eventually(
      async () => {
        const list = await pods.list('app=parent')
        return list.every(({ metadata }) => metadata.ownerReferences) && list
      },
      { what: 'the next one to adopt them' },
    )
    const uids = (list: readonly Pod[]) => list.map(({ metadata }) => metadata.uid).toSorted()
    assert.deepEqual(uids(adopted), uids(orphans))
    await remove(set, 'Background')
  })

  test('of any kind: an object goes with the last of its owners, or if it never had one', async () => {
    const configMap = (name: string, ownerReferences: readonly object[] = []): Manifest => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, ownerReferences },
    })
    const owners: object[] = []
    for (const name of ['first', 'second']) {
      const { metadata } = await cluster().create<ConfigMap>(configMap(name))
      owners.push({ apiVersion: 'v1', kind: 'ConfigMap', name, uid: metadata.uid })
    }
    const nobody = { apiVersion: 'v1', kind: 'ConfigMap', name: 'nobody', uid: 'none-such' }
    await cluster().create(configMap('shared', owners), configMap('lost', [nobody]))
    await untilGone(`${CONFIG_MAPS}/lost`)
    await cluster().delete(`${CONFIG_MAPS}/first`)
    await eventually(
      async () => {
        const { metadata } = await cluster().api<ConfigMap>('GET', `${CONFIG_MAPS}/shared`)
        return metadata.ownerReferences?.length === 1
      },
      { what: 'the reference to the lost owner to be removed' },
    )
    await cluster().delete(`${CONFIG_MAPS}/second`)
    await untilGone(`${CONFIG_MAPS}/shared`)
  })

  test('of a namespace: everything in it goes, nothing new comes, and then it is gone', async () => {
    const metadata = { name: 'team' }
    const team: Manifest = { apiVersion: 'v1', kind: 'Namespace', metadata }
    await cluster().create(team)
    const held: Manifest = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'held', namespace: 'team', finalizers: [HOLD] },
    }
    await cluster().create(held, workload('Deployment', 'web', { namespace: 'team', replicas: 2 }))
    const inTeam = async () =>
      (await cluster().api<List<Pod>>('GET', '/api/v1/namespaces/team/pods')).items
    await eventually(async () => (await inTeam()).length === 2, { what: 'pods in the namespace' })
    await cluster().delete(objectPath(team))
    await assert.rejects(
      cluster().create({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'late', namespace: 'team' },
      }),
      /unable to create new content in namespace team because it is being terminated/,
    )
    await eventually(async () => (await inTeam()).length === 0, { what: 'its pods to be gone' })
    const waiting = await eventually(
      async () => {
        const { status } = await cluster().api<Namespace>('GET', objectPath(team))
        const why = status?.conditions?.find((c) => c.type === 'NamespaceFinalizersRemaining')
        return why?.status === 'True' && status
      },
      { what: 'the namespace to say what it waits for' },
    )
    assert.equal(waiting.phase, 'Terminating')
    assert.match(JSON.stringify(waiting.conditions), /example\.com\/hold in 1 resource instances/)
    await cluster().patch(objectPath(held), { metadata: { finalizers: null } })
    await untilGone(objectPath(team))
  })
})
