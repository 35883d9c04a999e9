// SPDX-License-Identifier: Apache-2.0
// Pods that refer to Secrets and ConfigMaps, in their environment and in volumes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configMaps, secrets } from '../kube/resources.ts'
import { PodLoopFixture } from '../../test/support/pod-loop-fixture.ts'

const secretEnv = {
  containers: [
    {
      name: 'main',
      image: 'image',
      env: [{ name: 'TOKEN', valueFrom: { secretKeyRef: { name: 's', key: 'token' } } }],
    },
  ],
}

test('a pod waits for its secret and starts as soon as that appears', async () => {
  await using node = await PodLoopFixture.start({ backend: { resolves: 'pod' } })
  const uid = await node.bind({ spec: secretEnv })
  await node.settle(200_000)
  const waiting = node.find()?.status?.containerStatuses?.[0]?.state?.waiting
  assert.equal(waiting?.reason, 'CreateContainerConfigError')
  assert.match(waiting.message ?? '', /secret "s" not found/)
  assert.ok(node.reasons.includes('MandatorySecretNotFound'))
  assert.equal(node.backend.count('createPod'), 0)
  const data = { token: Buffer.from('hidden').toString('base64') }
  await node.client.create(secrets, { metadata: { namespace: 'default', name: 's' }, data })
  await node.settle()
  assert.equal(node.find()?.status?.phase, 'Running')
  const facts = { podIPs: [], hostIPs: [] }
  const resolved = await node.backend.requests.get(uid)?.resolveContainer('main', facts)
  assert.deepEqual(
    resolved?.env.find(({ name }) => name === 'TOKEN'),
    {
      name: 'TOKEN',
      value: 'hidden',
      isSecret: true,
    },
  )
  assert.ok(!JSON.stringify(node.client.calls).includes('hidden'))
})

test('watches of referenced objects close with the pod', async () => {
  await using node = await PodLoopFixture.start({ backend: { resolves: 'pod' } })
  await node.client.create(secrets, { metadata: { namespace: 'default', name: 's' }, data: {} })
  await node.bind({ spec: secretEnv })
  const watches = (): readonly (AbortSignal | undefined)[] =>
    node.client.calls
      .filter(({ verb, plural }) => verb === 'watch' && plural === 'secrets')
      .map(({ signal }) => signal)
  assert.ok(watches().length > 0)
  await node.delete()
  await node.settle(1000)
  assert.ok(watches().every((signal) => signal?.aborted))
})

test('a projected volume has its token, its CA and its namespace', async () => {
  await using node = await PodLoopFixture.start()
  const sources = [
    { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } },
    { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    {
      downwardAPI: {
        items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }],
      },
    },
  ]
  const volumes = [{ name: 'kube-api-access-x', projected: { sources } }]
  const uid = await node.bind({ spec: { volumes } })
  await node.client.create(configMaps, {
    metadata: { namespace: 'default', name: 'kube-root-ca.crt' },
    data: { 'ca.crt': 'CA' },
  })
  const expirationTimestamp = new Date(node.clock.nowMs() + 3_607_000).toISOString()
  // The memory API answers a token request with the request itself; its status is put in here.
  node.client.after = ({ verb, plural, body }) => {
    if (verb !== 'create' || plural !== 'serviceaccounts') return
    Object.assign(body as object, { status: { token: 'jwt', expirationTimestamp } })
  }
  const reading = node.backend.requests.get(uid)?.resolveVolume('kube-api-access-x')
  await node.settle()
  const volume = await reading
  const texts = volume?.files.map(({ path, content }) => [path, Buffer.from(content).toString()])
  assert.deepEqual(texts, [
    ['token', 'jwt'],
    ['ca.crt', 'CA'],
    ['namespace', 'default'],
  ])
  assert.equal(volume?.refreshAtMs, node.clock.nowMs() + 3_607_000 * 0.8)
})

test('a backend that resolves by container is told when what a container waits for appears', async () => {
  await using node = await PodLoopFixture.start()
  const uid = await node.bind({ spec: secretEnv })
  const running = node.backend.pods.get(uid)
  const facts = { podIPs: [], hostIPs: [] }
  const failed = node.backend.requests.get(uid)?.resolveContainer('main', facts)
  await assert.rejects(Promise.all([failed, node.settle()]), /secret "s" not found/)
  const waiting = { reason: 'CreateContainerConfigError', message: 'secret "s" not found' }
  const [container] = running?.containers ?? []
  assert.ok(running && container)
  node.backend.set({ ...running, containers: [{ ...container, state: { waiting } }] })
  await node.settle()
  assert.equal(node.backend.count('updatePod'), 0)
  await node.client.create(secrets, { metadata: { namespace: 'default', name: 's' }, data: {} })
  await node.settle()
  assert.equal(node.backend.count('updatePod'), 1)
})

test('a running pod is told when content of its volumes changes, not when that of its environment does', async () => {
  await using node = await PodLoopFixture.start({
    backend: { features: { 'volume.configMap': true } },
  })
  for (const name of ['files', 'variables']) {
    const metadata = { namespace: 'default', name }
    await node.client.create(configMaps, { metadata, data: { key: 'old' } })
  }
  const change = (name: string): Promise<unknown> =>
    node.client.patch(
      configMaps,
      { namespace: 'default', name },
      { type: 'merge', body: { data: { key: 'new' } } },
    )
  const valueFrom = { configMapKeyRef: { name: 'variables', key: 'key' } }
  const uid = await node.bind({
    spec: {
      volumes: [{ name: 'v', configMap: { name: 'files' } }],
      containers: [{ name: 'main', image: 'image', env: [{ name: 'A', valueFrom }] }],
    },
  })
  const request = node.backend.requests.get(uid)
  assert.ok(request)
  const facts = { podIPs: [], hostIPs: [] }
  const reads = [request.resolveVolume('v'), request.resolveContainer('main', facts)]
  await node.settle()
  await Promise.all(reads)
  await change('variables')
  await node.settle()
  assert.equal(node.backend.count('updatePod'), 0)
  await change('files')
  await node.settle()
  assert.equal(node.backend.count('updatePod'), 1)
  const { files } = await request.resolveVolume('v')
  assert.equal(Buffer.from(files[0]?.content ?? []).toString(), 'new')
})

test('content that changes while the backend is being told of a change is told as well', async () => {
  await using node = await PodLoopFixture.start({
    backend: { features: { 'volume.configMap': true } },
  })
  const metadata = { namespace: 'default', name: 'files' }
  await node.client.create(configMaps, { metadata, data: { key: 'old' } })
  const change = async (key: string): Promise<void> => {
    await node.client.patch(configMaps, metadata, { type: 'merge', body: { data: { key } } })
    await node.settle()
  }
  const volumes = [{ name: 'v', configMap: { name: 'files' } }]
  const uid = await node.bind({ spec: { volumes } })
  const reading = node.backend.requests.get(uid)?.resolveVolume('v')
  await node.settle()
  await reading
  const { promise: held, resolve: release } = Promise.withResolvers<void>()
  node.backend.after = ({ name }) => (name === 'updatePod' ? held : undefined)
  await change('new')
  await change('newer')
  assert.equal(node.backend.count('updatePod'), 1)
  release()
  await node.settle()
  assert.equal(node.backend.count('updatePod'), 2)
})
