// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, Pod, Service } from '../../kube/types.gen.ts'
import type { PodFacts, ResolvedContainer } from '../../provider/provider.ts'
import { buildContainer, buildPod } from '../../../test/support/build-pod.ts'
import { FakeEnvSources } from '../../../test/support/fake-env-sources.ts'
import { VkError } from '../../util/vk-error.ts'
import type { EnvSources } from './env-sources.ts'
import { resolveContainer } from './resolve-container.ts'

const facts = { podIPs: ['10.1.0.5'], hostIPs: ['192.168.0.2'] }
const database: Service = {
  metadata: { name: 'db', namespace: 'ns', uid: 'db' },
  spec: { clusterIP: '10.0.0.3', ports: [{ port: 5432 }] },
}
const stocked = { configMaps: { c: { k: 'from c' } }, secrets: { s: { k: 'from s' } } }

function podWith(container: Partial<Container>): Pod {
  return buildPod({ spec: { containers: [buildContainer(container)] } })
}

function resolve(
  container: Partial<Container>,
  sources: EnvSources = new FakeEnvSources(stocked),
): Promise<ResolvedContainer> {
  return resolveContainer(podWith(container), 'main', { sources, facts })
}

/** The environment as an object; secret values are marked with a leading `*`. */
async function envOf(container: Partial<Container>, sources?: EnvSources): Promise<object> {
  const { env } = await resolve(container, sources)
  assert.equal(new Set(env.map(({ name }) => name)).size, env.length, 'a name occurs once')
  return Object.fromEntries(
    env.map(({ name, value, isSecret }) => [name, `${isSecret ? '*' : ''}${value}`]),
  )
}

interface Case {
  readonly title: string
  readonly container: Partial<Container>
  readonly env: Readonly<Record<string, string>>
  readonly has?: ConstructorParameters<typeof FakeEnvSources>[0]
}

const fromConfigMap = (name: string, key = 'k', optional?: boolean): Container['env'] => [
  {
    name: 'V',
    valueFrom: { configMapKeyRef: { name, key, ...(optional !== undefined && { optional }) } },
  },
]
const fromSecret = (name: string, key = 'k', optional?: boolean): Container['env'] => [
  {
    name: 'V',
    valueFrom: { secretKeyRef: { name, key, ...(optional !== undefined && { optional }) } },
  },
]

const cases: readonly Case[] = [
  { title: 'no environment', container: {}, env: {} },
  {
    title: 'plain and empty values',
    container: { env: [{ name: 'A', value: 'a' }, { name: 'B' }, { name: 'C', value: '' }] },
    env: { A: 'a', B: '', C: '' },
  },
  {
    title: 'a later variable of the same name',
    container: {
      env: [
        { name: 'A', value: 'first' },
        { name: 'A', value: '$(A), then second' },
      ],
    },
    env: { A: 'first, then second' },
  },
  {
    title: 'references to what comes before, and none to what comes after',
    container: {
      env: [
        { name: 'A', value: '$(B)' },
        { name: 'B', value: 'b' },
        { name: 'C', value: '$(B)$(A)' },
      ],
    },
    env: { A: '$(B)', B: 'b', C: 'b$(B)' },
  },
  {
    title: 'envFrom in order, with prefixes, under env',
    container: {
      envFrom: [
        { configMapRef: { name: 'one' } },
        { configMapRef: { name: 'two' } },
        { configMapRef: { name: 'one' }, prefix: 'P_' },
      ],
      env: [{ name: 'B', value: 'own, not $(B)' }],
    },
    has: { configMaps: { one: { A: '1', B: '1' }, two: { A: '2', 'not-an.identifier': '2' } } },
    env: { A: '2', B: 'own, not 1', 'not-an.identifier': '2', P_A: '1', P_B: '1' },
  },
  {
    title: 'a ConfigMap read whole is not expanded',
    container: { envFrom: [{ configMapRef: { name: 'one' } }] },
    has: { configMaps: { one: { A: '1', B: '$(A)' } } },
    env: { A: '1', B: '$(A)' },
  },
  {
    title: 'one key of a ConfigMap',
    container: { env: fromConfigMap('c') ?? [] },
    env: { V: 'from c' },
  },
  {
    title: 'one key of a Secret',
    container: { env: fromSecret('s') ?? [] },
    env: { V: '*from s' },
  },
  {
    title: 'a Secret read whole, and what embeds its values',
    container: {
      envFrom: [{ secretRef: { name: 's' }, prefix: 'S_' }],
      env: [
        { name: 'URL', value: 'db://$(S_k)@host' },
        { name: 'AGAIN', value: '<$(URL)>' },
        { name: 'ESCAPED', value: '$$(S_k)' },
        { name: 'PLAIN', value: 'x' },
      ],
    },
    env: {
      S_k: '*from s',
      URL: '*db://from s@host',
      AGAIN: '*<db://from s@host>',
      ESCAPED: '$(S_k)',
      PLAIN: 'x',
    },
  },
  {
    title: 'a plain value over a secret one',
    container: { envFrom: [{ secretRef: { name: 's' } }], env: [{ name: 'k', value: 'plain' }] },
    env: { k: 'plain' },
  },
  {
    title: 'a Secret with bytes beyond ASCII',
    container: { env: fromSecret('u') ?? [] },
    has: { secrets: { u: { k: 'pässwörd ☃' } } },
    env: { V: '*pässwörd ☃' },
  },
  {
    title: 'fields of the pod and its resources',
    container: {
      resources: { requests: { cpu: '250m' } },
      env: [
        { name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
        { name: 'HOST', valueFrom: { fieldRef: { fieldPath: 'status.hostIP' } } },
        { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
        { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
        {
          name: 'MILLIS',
          valueFrom: { resourceFieldRef: { resource: 'requests.cpu', divisor: '1m' } },
        },
      ],
    },
    env: {
      NAME: 'pod',
      IP: '10.1.0.5',
      HOST: '192.168.0.2',
      NODE: 'node-a',
      CPU: '4',
      MILLIS: '250',
    },
  },
  {
    title: 'services under everything else, and seen by values',
    container: {
      env: [
        { name: 'URL', value: '$(DB_PORT)/x' },
        { name: 'DB_SERVICE_PORT', value: 'mine' },
      ],
    },
    has: { services: [database] },
    env: {
      URL: 'tcp://10.0.0.3:5432/x',
      DB_SERVICE_PORT: 'mine',
      DB_SERVICE_HOST: '10.0.0.3',
      DB_PORT: 'tcp://10.0.0.3:5432',
      DB_PORT_5432_TCP: 'tcp://10.0.0.3:5432',
      DB_PORT_5432_TCP_PROTO: 'tcp',
      DB_PORT_5432_TCP_PORT: '5432',
      DB_PORT_5432_TCP_ADDR: '10.0.0.3',
    },
  },
  {
    title: 'a value before a reference, as the kubelet does when both are there',
    container: {
      env: [{ name: 'V', value: 'x', valueFrom: { configMapKeyRef: { name: 'none', key: 'k' } } }],
    },
    env: { V: 'x' },
  },
]
for (const { title, container, env, has } of cases) {
  test(`environment: ${title}`, async () => {
    assert.deepEqual(await envOf(container, new FakeEnvSources(has ?? stocked)), env)
  })
}

test('an optional key that is missing keeps the value that envFrom gave', async () => {
  const container = {
    envFrom: [{ configMapRef: { name: 'c' } }],
    env: [{ name: 'k', valueFrom: { configMapKeyRef: { name: 'c', key: 'z', optional: true } } }],
  }
  assert.deepEqual(await envOf(container), { k: 'from c' })
})

test('command and args are expanded with everything, service variables included', async () => {
  const resolved = await resolve(
    {
      command: ['run', '$(A)', '$$(A)', '$(NONE)'],
      args: ['$(DB_SERVICE_HOST)', '$(S)'],
      env: [
        { name: 'A', value: 'a' },
        { name: 'S', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
      ],
    },
    new FakeEnvSources({ ...stocked, services: [database] }),
  )
  assert.deepEqual(resolved.command, ['run', 'a', '$(A)', '$(NONE)'])
  assert.deepEqual(resolved.args, ['10.0.0.3', 'from s'])
})

test('each object is read once, and a read that nobody awaits does not go unhandled', async () => {
  const sources = new FakeEnvSources({ configMaps: { c: { k: '1', l: '2' } } })
  sources.secret = () => Promise.reject(new Error('refused'))
  const container = {
    envFrom: [{ configMapRef: { name: 'c' } }, { configMapRef: { name: 'none' } }],
    env: [...(fromConfigMap('c') ?? []), ...(fromSecret('s') ?? [])],
  }
  await assert.rejects(resolve(container, sources), /configmap "none" not found/)
  assert.deepEqual(sources.asked, ['configMap c', 'configMap none'])
})

test('init and ephemeral containers are resolved like others', async () => {
  const env = [{ name: 'A', value: 'a' }]
  const pod = buildPod({
    spec: {
      initContainers: [buildContainer({ name: 'init', env })],
      ephemeralContainers: [buildContainer({ name: 'debug', env })],
    },
  })
  for (const name of ['init', 'debug']) {
    const resolved = await resolveContainer(pod, name, { sources: new FakeEnvSources(), facts })
    assert.deepEqual(resolved.env, [{ name: 'A', value: 'a', isSecret: false }])
  }
  const unknown = resolveContainer(pod, 'none', { sources: new FakeEnvSources(), facts })
  await assert.rejects(unknown, (error) => error instanceof VkError && error.code === 'NotFound')
})

test('services that cannot be read keep the container from starting', async () => {
  const sources = new FakeEnvSources()
  sources.services = () => Promise.reject(new Error('not synced'))
  await assert.rejects(resolve({}, sources), (error) => {
    assert.ok(error instanceof VkError)
    assert.deepEqual([error.code, error.podReason], ['Unavailable', 'CreateContainerConfigError'])
    return true
  })
})

const fromFile = (key: string, optional = false): Partial<Container> => ({
  env: [{ name: 'A', valueFrom: { fileKeyRef: { volumeName: 'v', path: 'p', key, optional } } }],
})

function resolveFiles(
  container: Partial<Container>,
  readVolumeFile?: PodFacts['readVolumeFile'],
): Promise<ResolvedContainer> {
  const world = {
    sources: new FakeEnvSources(),
    facts: { ...facts, ...(readVolumeFile && { readVolumeFile }) },
  }
  return resolveContainer(podWith(container), 'main', world)
}

test('a variable from a file has its value, and counts as secret', async () => {
  const read = async (volume: string, path: string) => `K='in ${volume}/${path}'`
  const { env } = await resolveFiles(fromFile('K'), read)
  assert.deepEqual(env, [{ name: 'A', value: 'in v/p', isSecret: true }])
})

test('a key that is missing or empty fails the start unless it is optional', async () => {
  const read = async () => "K=''"
  assert.deepEqual((await resolveFiles(fromFile('K', true), read)).env, [])
  await assert.rejects(resolveFiles(fromFile('L'), read), {
    message: 'environment variable key "L" not found in file "p"',
    podReason: 'CreateContainerConfigError',
  })
})

test('a file that cannot be read fails the start, optional or not, and does not say where it lies', async () => {
  const unreadable = () => Promise.reject(new Error('ENOENT: /var/lib/secret'))
  const malformed = async () => 'K=x'
  for (const read of [unreadable, malformed]) {
    await assert.rejects(resolveFiles(fromFile('K', true), read), {
      message: "couldn't parse env file",
      podReason: 'CreateContainerConfigError',
    })
  }
  await assert.rejects(
    resolveFiles(fromFile('K'), async () => undefined),
    { message: 'cannot find the volume "v" referenced by FileKeyRef' },
  )
})

test('no message and no notice holds a value of a secret', async () => {
  const sources = new FakeEnvSources({ secrets: { s: { k: 'hunter2' } } })
  const container = { envFrom: [{ secretRef: { name: 's' } }], env: fromSecret('s', 'z') ?? [] }
  await assert.rejects(resolve(container, sources), (error) => !String(error).includes('hunter2'))
  assert.ok(!JSON.stringify(sources.notices).includes('hunter2'))
})
