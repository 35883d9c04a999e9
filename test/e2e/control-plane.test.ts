// SPDX-License-Identifier: Apache-2.0
//
// The harness itself: if these fail, look here before you blame the node.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ApiStatusError } from './api-client.ts'
import { eventually } from './eventually.ts'
import { kubectlSkipReason } from './find-kubectl.ts'
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

interface SelfSubjectReview {
  readonly status: { readonly userInfo: { readonly username: string } }
}

describe('the control plane for tests', { skip: skipReason }, () => {
  // The node that is none never says that it lives.
  const cluster = useCluster({ inProcess: false, nodeGraceSeconds: 3600 })

  test('answers kubectl as admin', { skip: kubectlSkipReason }, async () => {
    const { stdout } = await cluster().kubectl(['get', 'nodes', '-o', 'json'])
    assert.deepEqual((JSON.parse(stdout) as List<unknown>).items, [])
    const version = await cluster().kubectl(['version'])
    assert.match(version.stdout, /Server Version: v1\.36\./)
  })

  test('creates the pods of a Job, which stay Pending without a node', async () => {
    const containers = [{ name: 'main', image: 'none' }]
    await cluster().create({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'idle' },
      spec: { template: { spec: { restartPolicy: 'Never', containers } } },
    })
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
    await cluster().patch('/api/v1/nodes/fake', { spec: { taints: null } })
    await cluster().patch('/api/v1/nodes/fake/status', {
      status: { conditions, capacity, allocatable: capacity },
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
    await using mine = await cluster().clientFor('system:node:mine', ['system:nodes'])
    const create = async (name: string) =>
      await mine.call('POST', '/api/v1/nodes', { body: { metadata: { name } } })
    await create('mine')
    await assert.rejects(
      create('other'),
      /node \\"mine\\" is not allowed to modify node \\"other\\"/,
    )
  })

  test('knows a service account by its token', async () => {
    const token = await cluster().tokenOf('default', 'default')
    await using account = cluster().clientWith({ token })
    const review = await account.call<SelfSubjectReview>(
      'POST',
      '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      { body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' } },
    )
    assert.equal(review.status.userInfo.username, 'system:serviceaccount:default:default')
    await assert.rejects(
      account.call('GET', '/api/v1/namespaces/default/pods'),
      /system:serviceaccount:default:default.*cannot list/,
    )
  })

  test('forgets old resource versions when its watches expire', async () => {
    const path = '/api/v1/namespaces/default/configmaps'
    const { metadata } = await cluster().api<List<unknown>>('GET', path)
    for (const name of ['one', 'two']) {
      await cluster().api('POST', path, { body: { metadata: { name } } })
    }
    await cluster().expireWatches()
    const query = `?watch=1&timeoutSeconds=1&resourceVersion=${metadata.resourceVersion}`
    // Until the caches of kube-apiserver are filled again it says 429.
    await eventually(
      async () => {
        const events = await cluster().api<string | { object: unknown }>('GET', path + query)
        return /"code\W+410/.test(JSON.stringify(events))
      },
      { what: 'a watch from before to be refused with 410' },
    )
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
