// SPDX-License-Identifier: Apache-2.0
//
// The environment of a container from every source that Kubernetes has, as its process sees it.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import type { Container, Pod } from '../../src/kube/types.gen.ts'
import type { Manifest } from './object-path.ts'
import { Pods, shell, stateOf } from './pods.ts'
import { startProcessNode } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { useCluster } from './use-cluster.ts'
import type { VirtualKubelet } from './virtual-kubelet.ts'

const fieldRef = (fieldPath: string) => ({ valueFrom: { fieldRef: { fieldPath } } })
const resourceFieldRef = (resource: string, divisor?: string) => ({
  valueFrom: { resourceFieldRef: { resource, ...(divisor === undefined ? {} : { divisor }) } },
})
const secretKeyRef = (key: string, more: object = {}) => ({
  valueFrom: { secretKeyRef: { name: 'secrets', key, ...more } },
})
const configMapKeyRef = (key: string, more: object = {}) => ({
  valueFrom: { configMapKeyRef: { name: 'settings', key, ...more } },
})

describe('the environment of a container', { skip: skipReason }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)
  let node: VirtualKubelet

  before(async () => {
    // Before the node, which then knows the Service from the beginning.
    await cluster().apply(...SOURCES)
    node = await startProcessNode(cluster())
  })

  async function outputOf(
    name: string,
    containers: readonly Container[],
    more: object = {},
  ): Promise<string> {
    await pods.create({
      name,
      labels: { app: 'printer', 'team.example.com/name': 'blue' },
      annotations: { note: 'of "some" kind' },
      spec: { restartPolicy: 'Never', containers, ...more },
    })
    await pods.untilPhase(name, 'Succeeded')
    return await pods.logs(name)
  }

  async function environmentOf(name: string, container: Partial<Container>, more: object = {}) {
    const output = await outputOf(name, [shell('env', container)], more)
    return new Map(output.split('\n').map((line) => line.split(/=(.*)/s) as [string, string]))
  }

  function assertHas(env: ReadonlyMap<string, string>, expected: Readonly<Record<string, string>>) {
    const found = Object.keys(expected).map((name) => [name, env.get(name)])
    assert.deepEqual(Object.fromEntries(found), expected)
  }

  test('has all of a ConfigMap and a Secret, with prefixes; later sources win', async () => {
    const env = await environmentOf('env-from', {
      envFrom: [
        { configMapRef: { name: 'settings' } },
        { prefix: 'CM_', configMapRef: { name: 'settings' } },
        { prefix: 'SECRET_', secretRef: { name: 'secrets' } },
        { configMapRef: { name: 'overrides' } },
        { configMapRef: { name: 'absent', optional: true } },
      ],
      env: [{ name: 'THEME', value: 'from env' }],
    })
    assertHas(env, {
      COLOR: 'red',
      SIZE: 'huge',
      THEME: 'from env',
      CM_COLOR: 'red',
      CM_SIZE: 'small',
      SECRET_password: 'hunter2 $(COLOR)',
    })
  })

  test('has single keys of ConfigMaps and Secrets, and none for an optional one', async () => {
    const env = await environmentOf('key-refs', {
      env: [
        { name: 'PASSWORD', ...secretKeyRef('password') },
        { name: 'SIZE', ...configMapKeyRef('SIZE') },
        { name: 'NO_KEY', ...secretKeyRef('absent', { optional: true }) },
        { name: 'NO_MAP', ...configMapKeyRef('x', { name: 'absent', optional: true }) },
      ],
    })
    assertHas(env, { PASSWORD: 'hunter2 $(COLOR)', SIZE: 'small' })
    assert.ok(!env.has('NO_KEY') && !env.has('NO_MAP'))
  })

  test('has fields of the pod', async () => {
    const env = await environmentOf('field-refs', {
      env: [
        { name: 'NAME', ...fieldRef('metadata.name') },
        { name: 'NAMESPACE', ...fieldRef('metadata.namespace') },
        { name: 'UID_OF_POD', ...fieldRef('metadata.uid') },
        { name: 'LABEL', ...fieldRef("metadata.labels['team.example.com/name']") },
        { name: 'NO_LABEL', ...fieldRef("metadata.labels['absent']") },
        { name: 'ANNOTATION', ...fieldRef("metadata.annotations['note']") },
        { name: 'NODE', ...fieldRef('spec.nodeName') },
        { name: 'ACCOUNT', ...fieldRef('spec.serviceAccountName') },
        { name: 'HOST_IP', ...fieldRef('status.hostIP') },
        { name: 'HOST_IPS', ...fieldRef('status.hostIPs') },
        { name: 'POD_IP', ...fieldRef('status.podIP') },
        { name: 'POD_IPS', ...fieldRef('status.podIPs') },
      ],
    })
    const pod = await pods.get('field-refs')
    assert.ok(pod.status?.podIP)
    assertHas(env, {
      NAME: 'field-refs',
      NAMESPACE: 'default',
      UID_OF_POD: pod.metadata.uid,
      LABEL: 'blue',
      NO_LABEL: '',
      ANNOTATION: 'of "some" kind',
      NODE: node.nodeName,
      ACCOUNT: 'default',
      HOST_IP: node.nodeIp,
      HOST_IPS: node.nodeIp,
      POD_IP: pod.status.podIP,
      POD_IPS: pod.status.podIP,
    })
  })

  test('has its own resources, in units of a divisor', async () => {
    const env = await environmentOf('resources', {
      resources: { requests: { cpu: '50m', memory: '20Mi' } },
      env: [
        { name: 'CPU', ...resourceFieldRef('requests.cpu') },
        { name: 'MILLICPU', ...resourceFieldRef('requests.cpu', '1m') },
        { name: 'MEMORY', ...resourceFieldRef('requests.memory') },
        { name: 'MEBIBYTES', ...resourceFieldRef('requests.memory', '1Mi') },
        { name: 'GIBIBYTES', ...resourceFieldRef('requests.memory', '1Gi') },
        { name: 'NODE_CPU', ...resourceFieldRef('limits.cpu', '1m') },
        { name: 'NO_REQUEST', ...resourceFieldRef('requests.ephemeral-storage') },
      ],
    })
    const { status } = await cluster().api<{ status: { allocatable: { cpu: string } } }>(
      'GET',
      `/api/v1/nodes/${node.nodeName}`,
    )
    assertHas(env, {
      CPU: '1',
      MILLICPU: '50',
      MEMORY: `${20 * 1024 * 1024}`,
      MEBIBYTES: '20',
      GIBIBYTES: '1',
      NODE_CPU: `${Number(status.allocatable.cpu) * 1000}`,
      NO_REQUEST: '0',
    })
  })

  test('expands $(NAME) in values, command and arguments, once', async () => {
    const output = await outputOf('expansion', [
      shell('', {
        command: ['sh', '-c', 'echo "$0/$1/$2/$3"; echo "$FULL"; echo "$LATE"'],
        args: ['$(BASE)', '$$(BASE)', '$(ABSENT)', '$(SECRET)'],
        env: [
          { name: 'BASE', value: 'base' },
          { name: 'SECRET', ...secretKeyRef('password') },
          { name: 'LATE', value: '$(LATER)' },
          { name: 'LATER', value: 'later' },
          { name: 'FULL', value: '$(BASE)/$(SECRET)/$$(BASE)/$(WEB_SERVICE_PORT)' },
        ],
      }),
    ])
    assert.deepEqual(output.trimEnd().split('\n'), [
      'base/$(BASE)/$(ABSENT)/hunter2 $(COLOR)',
      'base/hunter2 $(COLOR)/$(BASE)/80',
      '$(LATER)',
    ])
  })

  test('names the services of its namespace, and the API server as pods reach it', async () => {
    const [host = '', port = ''] = cluster().podApiServer.split(':')
    const { spec } = await cluster().api<{ spec: { clusterIP: string } }>(
      'GET',
      '/api/v1/namespaces/default/services/web',
    )
    const env = await environmentOf('links', {})
    assertHas(env, {
      KUBERNETES_SERVICE_HOST: host,
      KUBERNETES_SERVICE_PORT: port,
      WEB_SERVICE_HOST: spec.clusterIP,
      WEB_SERVICE_PORT: '80',
      WEB_SERVICE_PORT_HTTP: '80',
      WEB_PORT: `tcp://${spec.clusterIP}:80`,
      WEB_PORT_80_TCP_ADDR: spec.clusterIP,
      WEB_PORT_80_TCP_PROTO: 'tcp',
    })
    const alone = await environmentOf('no-links', {}, { enableServiceLinks: false })
    assertHas(alone, { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port })
    assert.ok(!alone.has('WEB_SERVICE_HOST'))
  })

  test('a value that no process can be given is told by the name of its variable alone', async () => {
    const value = Buffer.from('hidden\0value').toString('base64')
    const metadata = { name: 'binary' }
    await cluster().create({ apiVersion: 'v1', kind: 'Secret', metadata, data: { value } })
    const valueFrom = { secretKeyRef: { name: 'binary', key: 'value' } }
    await pods.create({
      name: 'binary',
      spec: { containers: [shell('env', { env: [{ name: 'TOKEN', valueFrom }] })] },
    })
    const isTold = (state: Pod) => stateOf(state)?.waiting?.reason === 'CreateContainerConfigError'
    const { status } = await pods.until('binary', isTold, { what: 'be told of its variable' })
    assert.match(
      status?.containerStatuses?.[0]?.state?.waiting?.message ?? '',
      /"TOKEN" has a value with a zero byte/,
    )
    assert.doesNotMatch(JSON.stringify([status, await pods.events('binary')]), /hidden/)
    await pods.end('binary')
  })

  test("has nothing of virtual-kubelet's own environment", async () => {
    const env = await environmentOf('clean', {})
    assert.ok(!env.has('KUBECONFIG') && !env.has('VK_E2E_FOLDER'))
  })
})

const SOURCES: readonly Manifest[] = [
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'settings' },
    data: { COLOR: 'red', SIZE: 'small', THEME: 'dark' },
  },
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'overrides' },
    data: { SIZE: 'huge' },
  },
  {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'secrets' },
    stringData: { password: 'hunter2 $(COLOR)' },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { selector: { app: 'printer' }, ports: [{ name: 'http', port: 80 }] },
  },
]
