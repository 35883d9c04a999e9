// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConfigMap, PodSpec, Secret, Volume, VolumeProjection } from '../kube/types.gen.ts'
import type { VolumeFiles } from '../provider/provider.ts'
import { VkError } from '../util/vk-error.ts'
import { testPod } from '../../test/support/test-pods.ts'
import { resolveVolume } from './volume-sources.ts'
import type { VolumeSources } from './volume-sources.ts'

const metadata = { namespace: 'default', name: 'x', uid: 'x' }
const configMap: ConfigMap = {
  metadata,
  data: { one: '1', two: '2' },
  binaryData: { raw: Buffer.from([0, 255]).toString('base64') },
}
const secret: Secret = { metadata, data: { key: Buffer.from('hidden').toString('base64') } }
const sources: VolumeSources = {
  configMap: (name) => Promise.resolve(name === 'x' ? configMap : undefined),
  secret: (name) => Promise.resolve(name === 'x' ? secret : undefined),
  token: () => Promise.resolve({ token: 'jwt', refreshAtMs: 5 }),
  trustAnchors: ({ name }) => Promise.resolve({ text: `anchors of ${name}`, refreshAtMs: 3 }),
  certificate: ({ volume, index }) =>
    Promise.resolve({ key: `key of ${volume} ${index}\n`, chain: 'chain\n', refreshAtMs: 2 }),
  facts: { podIPs: ['10.1.1.1'], hostIPs: [] },
  nodeName: 'node',
  nodeAllocatable: { cpu: '4' },
}

async function texts(volume: Volume, spec: Partial<PodSpec> = {}): Promise<object> {
  const pod = testPod({ annotations: { a: '1' }, spec: { volumes: [volume], ...spec } })
  const { files } = await resolveVolume(pod, volume.name, sources)
  return Object.fromEntries(
    files.map(({ path, content }) => [path, Buffer.from(content).toString()]),
  )
}

function resolve(
  projections: readonly VolumeProjection[],
  { spec = {}, defaultMode }: { spec?: Partial<PodSpec>; defaultMode?: number } = {},
): Promise<VolumeFiles> {
  const projected = {
    sources: projections,
    ...(defaultMode !== undefined && { defaultMode }),
  }
  const pod = testPod({
    annotations: { b: 'say "hi"\n', a: '1' },
    spec: { volumes: [{ name: 'v', projected }], ...spec },
  })
  return resolveVolume(pod, 'v', sources)
}

async function filesOf(projections: readonly VolumeProjection[]): Promise<object> {
  const { files } = await resolve(projections)
  return Object.fromEntries(files.map(({ path, content }) => [path, Buffer.from(content)]))
}

test('gathers all keys of a ConfigMap, binary ones too', async () => {
  assert.deepEqual(await filesOf([{ configMap: { name: 'x' } }]), {
    one: Buffer.from('1'),
    two: Buffer.from('2'),
    raw: Buffer.from([0, 255]),
  })
})

test('gathers chosen keys under other names, and the later source wins', async () => {
  const projections = [
    { configMap: { name: 'x', items: [{ key: 'one', path: 'dir/file' }] } },
    { secret: { name: 'x', items: [{ key: 'key', path: 'dir/file' }] } },
  ]
  assert.deepEqual(await filesOf(projections), { 'dir/file': Buffer.from('hidden') })
})

test('a certificate comes in one file with its key before it, or in two, and only its user reads it', async () => {
  const podCertificate = {
    keyType: 'ED25519',
    signerName: 'example.com/s',
    credentialBundlePath: 'both',
    keyPath: 'key',
    certificateChainPath: 'chain',
  }
  const { files, refreshAtMs } = await resolve([{ downwardAPI: {} }, { podCertificate }], {
    spec: { securityContext: { fsGroup: 5 } },
  })
  assert.deepEqual(
    files.map(({ path, content, mode }) => [path, Buffer.from(content).toString(), mode]),
    [
      ['both', 'key of v 1\nchain\n', 0o600],
      ['key', 'key of v 1\n', 0o600],
      ['chain', 'chain\n', 0o600],
    ],
  )
  assert.equal(refreshAtMs, 2)
})

test('refuses what is missing, unless it is optional', async () => {
  const rejects = async (projection: VolumeProjection, message: RegExp): Promise<void> => {
    await assert.rejects(resolve([projection]), (error: unknown) => {
      assert.ok(error instanceof VkError)
      assert.equal(error.podReason, 'CreateContainerConfigError')
      assert.match(error.message, message)
      return true
    })
  }
  const items = [{ key: 'none', path: 'p' }]
  await rejects({ secret: { name: 'none' } }, /secret "none" not found/)
  await rejects({ configMap: { name: 'none' } }, /configmap "none" not found/)
  await rejects({ secret: { name: 'x', items } }, /references non-existent secret key: none/)
  await rejects({ unheardOf: {} } as VolumeProjection, /source unheardOf is not supported/)
  await rejects({}, /a source of it is empty/)
  assert.deepEqual(await filesOf([{ secret: { name: 'none', optional: true } }]), {})
  assert.deepEqual(await filesOf([{ secret: { name: 'x', items, optional: true } }]), {})
})

test('writes fields of the pod as a kubelet does', async () => {
  const fieldPaths = ['metadata.name', 'metadata.annotations', "metadata.annotations['a']"]
  const items = fieldPaths.map((fieldPath) => ({ path: fieldPath, fieldRef: { fieldPath } }))
  assert.deepEqual(await filesOf([{ downwardAPI: { items } }]), {
    'metadata.name': Buffer.from('a'),
    'metadata.annotations': Buffer.from('a="1"\nb="say \\"hi\\"\\n"'),
    "metadata.annotations['a']": Buffer.from('1'),
  })
})

test('gives a token its mode by who reads it, and says when to ask again', async () => {
  const token = [{ serviceAccountToken: { path: 'token' } }]
  const shared = await resolve(token, { defaultMode: 0o440 })
  assert.deepEqual([shared.files[0]?.mode, shared.refreshAtMs], [0o440, 5])
  const own = await resolve(token, { spec: { securityContext: { runAsUser: 1000 } } })
  assert.equal(own.files[0]?.mode, 0o600)
  assert.equal(own.files[0].ownerUid, 1000)
})

test('volumes of one ConfigMap, Secret or of the pod itself have their own modes', async () => {
  assert.deepEqual(
    await texts({ name: 'v', configMap: { name: 'x', items: [{ key: 'one', path: 'a/b' }] } }),
    { 'a/b': '1' },
  )
  assert.deepEqual(await texts({ name: 'v', secret: { secretName: 'x' } }), { key: 'hidden' })
  const resources = { limits: { memory: '64Mi' } }
  const items = [
    { path: 'ip', fieldRef: { fieldPath: 'status.podIP' } },
    {
      path: 'memory',
      resourceFieldRef: { containerName: 'main', resource: 'limits.memory', divisor: '1Mi' },
    },
    { path: 'cpu', resourceFieldRef: { containerName: 'main', resource: 'limits.cpu' } },
  ]
  const spec = { containers: [{ name: 'main', image: 'i', resources }] }
  assert.deepEqual(await texts({ name: 'v', downwardAPI: { items } }, spec), {
    ip: '10.1.1.1',
    memory: '64',
    cpu: '4',
  })
  const pod = testPod({
    spec: { volumes: [{ name: 'v', secret: { secretName: 'x', defaultMode: 0o400 } }] },
  })
  const { files } = await resolveVolume(pod, 'v', sources)
  assert.equal(files[0]?.mode, 0o400)
})

test('tells all failures of a projected volume at once, each one time', async () => {
  const none = { configMap: { name: 'none' } }
  const failing = resolve([none, { secret: { name: 'none' } }, none])
  await assert.rejects(failing, {
    message: '[configmap "none" not found, secret "none" not found]',
  })
})

test('trust anchors are a file of their own, read again in time', async () => {
  const volume = await resolve([{ clusterTrustBundle: { name: 'ca', path: 'ca.pem' } }])
  assert.equal(Buffer.from(volume.files[0]?.content ?? []).toString(), 'anchors of ca')
  assert.equal(volume.refreshAtMs, 3)
})

test('leaves other kinds of volumes to others', async () => {
  const volumes = [{ name: 'v', hostPath: { path: '/' } }]
  const error = await resolve([], { spec: { volumes } }).catch((error: unknown) => error)
  assert.ok(error instanceof VkError && error.code === 'Unsupported')
})
