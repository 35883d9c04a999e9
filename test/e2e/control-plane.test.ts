// SPDX-License-Identifier: Apache-2.0
//
// The harness itself: if these fail, look here before you blame the node.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ApiStatusError } from './api-client.ts'
import { eventually } from './eventually.ts'
import { skipReason } from './requirements.ts'
import { useCluster } from './use-cluster.ts'

interface List<T> {
  readonly metadata: { readonly resourceVersion: string }
  readonly items: readonly T[]
}

interface Pod {
  readonly metadata: { readonly name: string }
  readonly spec: { readonly nodeName?: string }
  readonly status: { readonly phase: string }
}

describe('the control plane for tests', { skip: skipReason }, () => {
  const cluster = useCluster()

  test('answers kubectl as admin', async () => {
    const { stdout } = await cluster().kubectl(['get', 'nodes', '-o', 'json'])
    assert.deepEqual((JSON.parse(stdout) as List<unknown>).items, [])
    const version = await cluster().kubectl(['version'])
    assert.match(version.stdout, /Server Version: v1\.36\./)
  })

  test('creates the pods of a Job, which stay Pending without a node', async () => {
    await cluster().kubectl(['create', 'job', 'idle', '--image=none'])
    const pods = await eventually(
      async () => {
        const list = await cluster().api<List<Pod>>('GET', '/api/v1/namespaces/default/pods')
        return list.items.length > 0 && list.items
      },
      { what: 'the pods of the Job' },
    )
    assert.deepEqual(
      pods.map((pod) => [pod.status.phase, pod.spec.nodeName]),
      [['Pending', undefined]],
    )
  })

  test('schedules a pod to a Ready node', async () => {
    await cluster().api('POST', '/api/v1/nodes', { body: { metadata: { name: 'fake' } } })
    const conditions = [{ type: 'Ready', status: 'True', reason: 'Test', message: '' }]
    const capacity = { cpu: '1', memory: '1Gi', pods: '10' }
    await cluster().kubectl(['taint', 'node', 'fake', 'node.kubernetes.io/not-ready-'], {
      allowFailure: true,
    })
    await cluster().api('PATCH', '/api/v1/nodes/fake/status', {
      contentType: 'application/merge-patch+json',
      body: { status: { conditions, capacity, allocatable: capacity } },
    })
    await eventually(
      async () => {
        const list = await cluster().api<List<Pod>>('GET', '/api/v1/namespaces/default/pods')
        return list.items.every((pod) => pod.spec.nodeName === 'fake')
      },
      { what: 'the pod to be bound to the node' },
    )
  })

  test('lets a node identity write its own node and no other', async () => {
    const kubeconfig = await cluster().kubeconfigFor('system:node:mine', ['system:nodes'])
    const create = async (name: string) =>
      await cluster().kubectl(['create', '-f', '-'], {
        kubeconfig,
        allowFailure: true,
        input: { apiVersion: 'v1', kind: 'Node', metadata: { name } },
      })
    assert.equal((await create('mine')).code, 0)
    const other = await create('other')
    assert.equal(other.code, 1)
    assert.match(other.stderr, /Forbidden.*node "mine" is not allowed to modify node "other"/i)
  })

  test('knows a service account by its token', async () => {
    const kubeconfig = await cluster().serviceAccountKubeconfig('default', 'default')
    const { stdout } = await cluster().kubectl(['auth', 'whoami', '-o', 'name'], { kubeconfig })
    assert.match(stdout, /selfsubjectreview/)
    const pods = await cluster().kubectl(['get', 'pods'], { kubeconfig, allowFailure: true })
    assert.match(pods.stderr, /system:serviceaccount:default:default.*cannot list/)
  })

  test('forgets old resource versions when its watches expire', async () => {
    const path = '/api/v1/namespaces/default/configmaps'
    const { metadata } = await cluster().api<List<unknown>>('GET', path)
    for (const name of ['one', 'two']) {
      await cluster().api('POST', path, { body: { metadata: { name } } })
    }
    await cluster().expireWatches()
    const query = `?watch=1&timeoutSeconds=1&resourceVersion=${metadata.resourceVersion}`
    const events = await cluster().api<string | { object: unknown }>('GET', path + query)
    assert.match(JSON.stringify(events), /"code\W+410/)
  })

  test('refuses connections while the API server is dead', async () => {
    await cluster().killApiServer()
    await assert.rejects(cluster().api('GET', '/readyz'), (error) => {
      return error instanceof Error && !(error instanceof ApiStatusError)
    })
    await cluster().startApiServer()
    assert.equal(await cluster().api('GET', '/readyz'), 'ok')
  })
})
