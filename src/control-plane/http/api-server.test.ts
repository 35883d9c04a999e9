// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { configMaps, pods, serviceAccounts } from '../../kube/resources.ts'
import type { ConfigMap, Pod } from '../../kube/types.gen.ts'
import { startEmbeddedCluster } from '../../../test/support/embedded-cluster.ts'
import type { EmbeddedCluster } from '../../../test/support/embedded-cluster.ts'

let cluster: EmbeddedCluster
before(async () => {
  cluster = await startEmbeddedCluster()
  // Without controllers nobody else makes the account that every pod needs.
  const metadata = { name: 'default', namespace: 'default' }
  await cluster.client.create(serviceAccounts, { metadata })
})
after(async () => {
  await cluster[Symbol.asyncDispose]()
})

const configMap = (name: string, data: Record<string, string> = {}) => ({
  metadata: { name, namespace: 'default' },
  data,
})
const at = (name: string) => ({ namespace: 'default', name })
const mapsPath = '/api/v1/namespaces/default/configmaps'

describe('objects', () => {
  test('get identity, version and time from the server', async () => {
    const created = await cluster.client.create(configMaps, configMap('made', { a: '1' }))
    assert.match(created.metadata.uid, /^[0-9a-f-]{36}$/)
    assert.match(created.metadata.creationTimestamp ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    assert.ok(Number(created.metadata.resourceVersion) > 0)
    assert.deepEqual(await cluster.client.get(configMaps, at('made')), created)
  })

  test('of a name that is taken are refused', async () => {
    await cluster.client.create(configMaps, configMap('taken'))
    const answer = await cluster.request(mapsPath, { method: 'POST', body: configMap('taken') })
    assert.equal(answer.status, 409)
    assert.equal(answer.json()['message'], 'configmaps "taken" already exists')
    assert.deepEqual(answer.json()['details'], { name: 'taken', kind: 'configmaps' })
  })

  test('with generateName get a free name', async () => {
    const body = { metadata: { generateName: 'some-' } }
    const answer = await cluster.request(mapsPath, { method: 'POST', body })
    assert.equal(answer.status, 201)
    const { metadata } = answer.json() as unknown as ConfigMap
    assert.match(metadata.name, /^some-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
  })

  test('change only from the version that the client has seen', async () => {
    const old = await cluster.client.create(configMaps, configMap('versioned'))
    await cluster.client.replace(configMaps, { ...old, data: { n: '1' } })
    const path = `${mapsPath}/versioned`
    const answer = await cluster.request(path, {
      method: 'PUT',
      body: { ...old, data: { n: '2' } },
    })
    assert.equal(answer.status, 409)
    assert.match(String(answer.json()['message']), /the object has been modified; please apply/)
  })

  test('that an update does not change keep their version', async () => {
    const old = await cluster.client.create(configMaps, configMap('same', { a: '1' }))
    const again = await cluster.client.replace(configMaps, { ...old, data: { a: '1' } })
    assert.equal(again.metadata.resourceVersion, old.metadata.resourceVersion)
  })

  test('are not touched by a dry run', async () => {
    const path = `${mapsPath}?dryRun=All`
    const created = await cluster.request(path, { method: 'POST', body: configMap('dry') })
    assert.equal(created.status, 201)
    assert.equal((await cluster.request(`${mapsPath}/dry`)).status, 404)
    await cluster.client.create(configMaps, configMap('wet', { a: '1' }))
    await cluster.request(`${mapsPath}/wet?dryRun=All`, { method: 'DELETE' })
    assert.equal((await cluster.request(`${mapsPath}/wet`)).status, 200)
  })
})

describe('deletion', () => {
  test('answers with a Status that names what went', async () => {
    const { metadata } = await cluster.client.create(configMaps, configMap('going'))
    const answer = await cluster.request(`${mapsPath}/going`, { method: 'DELETE' })
    assert.equal(answer.json()['status'], 'Success')
    const details = { name: 'going', kind: 'configmaps', uid: metadata.uid }
    assert.deepEqual(answer.json()['details'], details)
  })

  test('is not taken for meant when it says something odd', async () => {
    await cluster.client.create(configMaps, configMap('odd'))
    await createPod('odd', { nodeName: 'one' })
    const dry = { method: 'DELETE', body: { dryRun: ['all'] } }
    assert.equal((await cluster.request(`${mapsPath}/odd`, dry)).status, 422)
    const long = { method: 'DELETE', body: { gracePeriodSeconds: 1e300 } }
    const path = '/api/v1/namespaces/default/pods/odd'
    assert.equal((await cluster.request(path, long)).status, 400)
    const free = { method: 'DELETE', body: { preconditions: { uid: null } } }
    assert.equal((await cluster.request(`${mapsPath}/odd`, free)).status, 200)
  })

  test('waits for finalizers', async () => {
    const held = { ...configMap('held').metadata, finalizers: ['example.com/hold'] }
    await cluster.client.create(configMaps, { metadata: held })
    await cluster.client.delete(configMaps, at('held'))
    const marked = await cluster.client.get(configMaps, at('held'))
    assert.ok(marked.metadata.deletionTimestamp)
    const body = { metadata: { finalizers: null } }
    await cluster.client.patch(configMaps, at('held'), { type: 'merge', body })
    assert.equal((await cluster.request(`${mapsPath}/held`)).status, 404)
  })

  test('of another object under the same name is refused', async () => {
    await cluster.client.create(configMaps, configMap('other'))
    const body = { preconditions: { uid: 'a-uid-of-long-ago' } }
    const answer = await cluster.request(`${mapsPath}/other`, { method: 'DELETE', body })
    assert.equal(answer.status, 409)
    assert.match(String(answer.json()['message']), /the UID in the precondition/)
  })

  test('of a pod on a node takes its grace, which can only get shorter', async () => {
    await createPod('graceful', { nodeName: 'one', terminationGracePeriodSeconds: 20 })
    const remove = async (seconds?: number) => {
      const options = seconds === undefined ? {} : { gracePeriodSeconds: seconds }
      await cluster.client.delete(pods, at('graceful'), options)
    }
    const graceOf = async () =>
      (await cluster.client.get(pods, at('graceful'))).metadata.deletionGracePeriodSeconds
    await remove()
    assert.equal(await graceOf(), 20)
    await remove(30)
    assert.equal(await graceOf(), 20)
    await remove(5)
    assert.equal(await graceOf(), 5)
    await remove(0)
    assert.equal((await cluster.request('/api/v1/namespaces/default/pods/graceful')).status, 404)
  })

  test('of a pod that no node has is done at once', async () => {
    await createPod('unbound')
    await cluster.client.delete(pods, at('unbound'))
    assert.equal((await cluster.request('/api/v1/namespaces/default/pods/unbound')).status, 404)
  })
})

async function createPod(name: string, spec: Partial<Pod['spec']> = {}): Promise<Pod> {
  const containers = [{ name: 'main', image: 'none' }]
  return await cluster.client.create(pods, {
    metadata: { name, namespace: 'default' },
    spec: { containers, ...spec },
  })
}

describe('lists', () => {
  test('come in pages of one state', async () => {
    const labels = { set: 'paged' }
    for (const name of ['page-a', 'page-b', 'page-c', 'page-d', 'page-e']) {
      const { metadata } = configMap(name)
      await cluster.client.create(configMaps, { metadata: { ...metadata, labels } })
    }
    const query = { namespace: 'default', labelSelector: 'set=paged', limit: 2 }
    const first = await cluster.client.list(configMaps, query)
    // What happens between the pages is not seen by the later ones.
    await cluster.client.delete(configMaps, at('page-d'))
    const names = first.items.map(({ metadata }) => metadata.name)
    let next = first.continue
    while (next !== undefined) {
      const page = await cluster.client.list(configMaps, { ...query, continue: next })
      assert.equal(page.resourceVersion, first.resourceVersion)
      names.push(...page.items.map(({ metadata }) => metadata.name))
      next = page.continue
    }
    assert.deepEqual(names, ['page-a', 'page-b', 'page-c', 'page-d', 'page-e'])
  })

  test('refuse a token that is none', async () => {
    const answer = await cluster.request(`${mapsPath}?limit=1&continue=nonsense`)
    assert.equal(answer.status, 400)
  })

  test('take selectors by label and field', async () => {
    await createPod('picked', { nodeName: 'two' })
    const picked = await cluster.client.list(pods, { fieldSelector: 'spec.nodeName=two' })
    assert.deepEqual(
      picked.items.map(({ metadata }) => metadata.name),
      ['picked'],
    )
    const answer = await cluster.request('/api/v1/pods?fieldSelector=spec.nonsense%3Dx')
    assert.equal(answer.status, 400)
    assert.match(String(answer.json()['message']), /field label not supported: spec\.nonsense/)
    for (const field of ['__proto__', 'constructor']) {
      const odd = await cluster.request(`/api/v1/pods?fieldSelector=${field}%3Dx`)
      assert.equal(odd.status, 400, odd.text)
    }
  })

  test('are tables for those who ask', async () => {
    const headers = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' }
    const table = (await cluster.request('/api/v1/namespaces', { headers })).json()
    assert.equal(table['kind'], 'Table')
    const rows = table['rows'] as readonly { readonly cells: readonly unknown[] }[]
    assert.ok(rows.some(({ cells }) => cells[0] === 'default'))
  })
})

describe('watches', () => {
  test('tell each change once, in order, and resume where they were', async () => {
    const { resourceVersion } = await cluster.client.list(configMaps)
    await cluster.client.create(configMaps, configMap('seen', { n: '1' }))
    const patch = { type: 'merge' as const, body: { data: { n: '2' } } }
    const changed = await cluster.client.patch(configMaps, at('seen'), patch)
    await cluster.client.delete(configMaps, at('seen'))
    const types = ['ADDED seen 1', 'MODIFIED seen 2', 'DELETED seen 2']
    assert.deepEqual(await eventsFrom(resourceVersion, 3), types)
    const { resourceVersion: middle = '' } = changed.metadata
    assert.deepEqual(await eventsFrom(middle, 1), types.slice(2))
  })

  test('see an object that leaves the selection as deleted', async () => {
    const { metadata } = configMap('leaving')
    await cluster.client.create(configMaps, { metadata: { ...metadata, labels: { in: 'yes' } } })
    const { resourceVersion } = await cluster.client.list(configMaps)
    const body = { metadata: { labels: { in: 'no' } } }
    await cluster.client.patch(configMaps, at('leaving'), { type: 'merge', body })
    assert.deepEqual(await eventsFrom(resourceVersion, 1, { labelSelector: 'in=yes' }), [
      'DELETED leaving undefined',
    ])
  })

  test('that ask for the present get its end marked', async () => {
    await using watch = watchOf({ sendInitialEvents: true })
    for await (const event of watch.events) {
      if (event.type !== 'BOOKMARK') continue
      assert.equal(event.isInitialEventsEnd, true)
      return
    }
    assert.fail('the watch ended without the bookmark')
  })

  test('from before the history are told to list again', async () => {
    const { resourceVersion } = await cluster.client.list(configMaps)
    await cluster.client.create(configMaps, configMap('after'))
    cluster.controlPlane.compact()
    await assert.rejects(eventsFrom(resourceVersion, 1), { message: /too old resource version/ })
  })
})

function watchOf(options: Parameters<typeof cluster.client.watch>[1]) {
  const abort = new AbortController()
  const events = cluster.client.watch(configMaps, { ...options, signal: abort.signal })
  return { events, [Symbol.asyncDispose]: async () => abort.abort() }
}

async function eventsFrom(
  resourceVersion: string,
  count: number,
  options: { readonly labelSelector?: string } = {},
): Promise<string[]> {
  await using watch = watchOf({ resourceVersion, ...options })
  const seen: string[] = []
  for await (const event of watch.events) {
    if (event.type === 'BOOKMARK') continue
    const { metadata, data } = event.object
    seen.push(`${event.type} ${metadata.name} ${data?.['n']}`)
    if (seen.length === count) break
  }
  return seen
}

describe('what is not served', () => {
  const cases: readonly (readonly [string, string, number])[] = [
    ['GET', '/api/v2', 404],
    ['GET', '/apis/example.com/v1/things', 404],
    ['GET', '/api/v1/namespaces/default/pods/x/nonsense', 404],
    ['PATCH', '/api/v1/namespaces/default/pods', 405],
    ['POST', '/api/v1/pods', 405],
    ['GET', '/api/v1/namespaces/default/pods/%ZZ', 404],
    ['GET', '/nonsense', 404],
    ['DELETE', '/version', 405],
  ]
  for (const [method, path, status] of cases) {
    test(`${method} ${path} is a Status of ${status}`, async () => {
      const answer = await cluster.request(path, { method })
      assert.equal(answer.status, status)
      assert.equal(answer.json()['kind'], 'Status')
      assert.equal(answer.json()['code'], status)
    })
  }

  test('an answer that is only accepted as protobuf is a 406', async () => {
    const headers = { accept: 'application/vnd.kubernetes.protobuf' }
    assert.equal((await cluster.request('/api/v1/pods', { headers })).status, 406)
  })

  test('a body of an unknown type is a 415', async () => {
    const headers = { 'content-type': 'text/html' }
    const answer = await cluster.request(mapsPath, { method: 'POST', headers, body: '<p>' })
    assert.equal(answer.status, 415)
  })

  test('a body that is too large is a 413', async () => {
    const body = configMap('large', { a: 'x'.repeat(4 * 1024 * 1024) })
    assert.equal((await cluster.request(mapsPath, { method: 'POST', body })).status, 413)
  })
})

describe('warnings', () => {
  test('repeat in UTF-8 what the client has sent, and leave out what no header can hold', async () => {
    const body = { ...configMap('warned'), 日本: 1, 'a\u007fb': 2 }
    const answer = await cluster.request(mapsPath, { method: 'POST', body })
    assert.equal(answer.status, 201)
    const warning = Buffer.from(String(answer.headers['warning']), 'latin1').toString()
    assert.equal(warning, '299 - "unknown field \\"日本\\""')
  })
})

describe('callers', () => {
  test('without credentials learn nothing', async () => {
    const answer = await cluster.request('/api/v1/pods', { isAnonymous: true })
    assert.equal(answer.status, 403)
  })

  test('with a wrong token are strangers, not anonymous', async () => {
    assert.equal((await cluster.request('/version', { token: 'wrong' })).status, 401)
  })

  test('without rights are told what they lack', async () => {
    await using client = await cluster.clientFor('nobody')
    await assert.rejects(client.list(pods, { namespace: 'default' }), {
      message:
        /User "nobody" cannot list resource "pods" in API group "" in the namespace "default"/,
    })
  })
})
