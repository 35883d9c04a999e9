// SPDX-License-Identifier: Apache-2.0
// A right to one thing is no way to another: requests of users who may do only what a test grants them.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startEmbeddedCluster } from '../../../test/support/embedded-cluster.ts'
import type { EmbeddedCluster, RawRequest } from '../../../test/support/embedded-cluster.ts'
import type { PolicyRule } from '../../kube/types.gen.ts'

const apiGroup = 'rbac.authorization.k8s.io'
const inDefault = '/api/v1/namespaces/default'
const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'made' } }

let cluster: EmbeddedCluster
before(async () => {
  cluster = await startEmbeddedCluster()
})
after(async () => {
  await cluster[Symbol.asyncDispose]()
})

async function create(path: string, body: object): Promise<void> {
  const answer = await cluster.request(path, { method: 'POST', body })
  assert.equal(answer.status, 201, answer.text)
}

/** Makes a user of this name with these rights; returns how he makes requests. */
async function userWith(name: string, ...rules: readonly PolicyRule[]) {
  const rbac = `/apis/${apiGroup}/v1`
  await create(`${rbac}/clusterroles`, { metadata: { name }, rules })
  await create(`${rbac}/clusterrolebindings`, {
    metadata: { name },
    roleRef: { apiGroup, kind: 'ClusterRole', name },
    subjects: [{ apiGroup, kind: 'User', name }],
  })
  return async (path: string, request: RawRequest = {}) => {
    const headers = { ...request.headers, 'impersonate-user': name }
    return await cluster.request(path, { ...request, headers })
  }
}

describe('streams', () => {
  const upgrade = { connection: 'Upgrade', upgrade: 'websocket' }

  test('are of pods only, not of what another group calls pods', async () => {
    const ask = await userWith('stranger', { apiGroups: ['*'], resources: ['*'], verbs: ['*'] })
    for (const path of ['/apis/metrics.k8s.io/v1beta1', '/apis/example.com/v1', '/apis/ /v1']) {
      const exec = `${path.replace(' ', '%20')}/namespaces/default/pods/one/exec?command=id`
      const answer = await ask(exec, { headers: upgrade })
      assert.equal(answer.status, 400, answer.text)
    }
  })

  test('take the right to create them, by whatever method they are opened', async () => {
    for (const stream of ['exec', 'attach', 'portforward']) {
      const name = `reader-of-${stream}`
      const resources = [`pods/${stream}`]
      const ask = await userWith(name, { apiGroups: [''], resources, verbs: ['get'] })
      const answer = await ask(`${inDefault}/pods/one/${stream}`, { headers: upgrade })
      assert.equal(answer.status, 403)
      assert.match(answer.text, new RegExp(`cannot create resource \\\\"pods/${stream}`))
    }
  })
})

describe('objects that an update would make', () => {
  test('take the right to create, also by apply', async () => {
    const rule = { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'patch', 'update'] }
    const ask = await userWith('patcher', rule)
    const headers = { 'content-type': 'application/apply-patch+yaml' }
    const path = `${inDefault}/configmaps/made?fieldManager=test`
    const apply = { method: 'PATCH', headers, body: JSON.stringify(configMap) }
    const refused = await ask(path, apply)
    assert.equal(refused.status, 403, refused.text)
    assert.match(refused.text, /cannot create resource \\"configmaps\\"/)
    await create(`${inDefault}/configmaps`, configMap)
    assert.equal((await ask(path, apply)).status, 200)
  })

  test('take it as well by PUT, where a kind allows that', async () => {
    const resources = ['leases']
    const ask = await userWith('leaser', {
      apiGroups: ['coordination.k8s.io'],
      resources,
      verbs: ['update'],
    })
    const path = '/apis/coordination.k8s.io/v1/namespaces/default/leases/made'
    const body = { metadata: { name: 'made' }, spec: {} }
    const refused = await ask(path, { method: 'PUT', body })
    assert.equal(refused.status, 403, refused.text)
    assert.equal((await cluster.request(path, { method: 'PUT', body })).status, 201)
  })
})

test('the proxy of a service is no way to read or change the service', async () => {
  const rule = { apiGroups: [''], resources: ['services/proxy'], verbs: ['*'] }
  const ask = await userWith('proxied', rule)
  const path = `${inDefault}/services/kubernetes/proxy`
  assert.equal((await ask(path)).status, 404)
  const body = { metadata: { name: 'kubernetes', labels: { changed: 'yes' } } }
  const headers = { 'content-type': 'application/merge-patch+json' }
  assert.equal((await ask(path, { method: 'PATCH', headers, body })).status, 404)
})

test('a page of one list is continued by the same list only', async () => {
  for (const name of ['page-a', 'page-b']) {
    await create(`${inDefault}/configmaps`, { metadata: { name } })
    await create(`${inDefault}/secrets`, { metadata: { name } })
  }
  const page = await cluster.request(`${inDefault}/secrets?limit=1`)
  const { continue: token } = page.json()['metadata'] as { readonly continue: string }
  for (const path of [
    `${inDefault}/configmaps?limit=1`,
    '/api/v1/namespaces/kube-system/secrets?limit=1',
    `${inDefault}/secrets?limit=1&fieldSelector=metadata.name%3Dpage-a`,
  ]) {
    assert.equal((await cluster.request(`${path}&continue=${token}`)).status, 400, path)
  }
  const next = await cluster.request(`${inDefault}/secrets?limit=1&continue=${token}`)
  assert.match(next.text, /page-b/)
})

test('methods that mean nothing to the API are not taken for reads', async () => {
  const ask = await userWith('reader', {
    apiGroups: [''],
    resources: ['configmaps', 'pods/proxy'],
    verbs: ['get', 'list', 'watch'],
  })
  for (const method of ['OPTIONS', 'PROPFIND', 'MOVE']) {
    for (const path of [`${inDefault}/configmaps`, `${inDefault}/pods/one/proxy/`]) {
      assert.equal((await ask(path, { method })).status, 403, `${method} ${path}`)
      assert.equal((await cluster.request(path, { method })).status, 405, `${method} ${path}`)
    }
  }
  assert.equal((await ask(`${inDefault}/configmaps`, { method: 'HEAD' })).status, 200)
})
