// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Service, ServiceSpec } from '../../kube/types.gen.ts'
import { buildPod } from '../../../test/support/build-pod.ts'
import { serviceEnv } from './service-env.ts'

function service(name: string, spec: ServiceSpec, namespace = 'ns'): Service {
  return { metadata: { name, namespace, uid: `${namespace}-${name}` }, spec }
}

const apiServer = service(
  'kubernetes',
  { clusterIP: '10.0.0.1', ports: [{ name: 'https', port: 443, protocol: 'TCP' }] },
  'default',
)
const web = service('web-front', {
  clusterIP: '10.0.0.2',
  ports: [
    { name: 'http', port: 80, protocol: 'TCP' },
    { name: 'dns-udp', port: 53, protocol: 'UDP' },
  ],
})
const pod = buildPod()
const env = (...services: readonly Service[]): object =>
  Object.fromEntries(serviceEnv(pod, { services }))

test('a service gives host, ports and one group of variables for each port', () => {
  assert.deepEqual(env(web), {
    WEB_FRONT_SERVICE_HOST: '10.0.0.2',
    WEB_FRONT_SERVICE_PORT: '80',
    WEB_FRONT_SERVICE_PORT_HTTP: '80',
    WEB_FRONT_SERVICE_PORT_DNS_UDP: '53',
    WEB_FRONT_PORT: 'tcp://10.0.0.2:80',
    WEB_FRONT_PORT_80_TCP: 'tcp://10.0.0.2:80',
    WEB_FRONT_PORT_80_TCP_PROTO: 'tcp',
    WEB_FRONT_PORT_80_TCP_PORT: '80',
    WEB_FRONT_PORT_80_TCP_ADDR: '10.0.0.2',
    WEB_FRONT_PORT_53_UDP: 'udp://10.0.0.2:53',
    WEB_FRONT_PORT_53_UDP_PROTO: 'udp',
    WEB_FRONT_PORT_53_UDP_PORT: '53',
    WEB_FRONT_PORT_53_UDP_ADDR: '10.0.0.2',
  })
})

test('a port without a name and a protocol is TCP and has no variable by name', () => {
  assert.deepEqual(env(service('db', { clusterIP: '10.0.0.3', ports: [{ port: 5432 }] })), {
    DB_SERVICE_HOST: '10.0.0.3',
    DB_SERVICE_PORT: '5432',
    DB_PORT: 'tcp://10.0.0.3:5432',
    DB_PORT_5432_TCP: 'tcp://10.0.0.3:5432',
    DB_PORT_5432_TCP_PROTO: 'tcp',
    DB_PORT_5432_TCP_PORT: '5432',
    DB_PORT_5432_TCP_ADDR: '10.0.0.3',
  })
})

test('an IPv6 address is bracketed in URLs only', () => {
  const six = serviceEnv(pod, {
    services: [service('six', { clusterIP: 'fd00::1', ports: [{ port: 1 }] })],
  })
  assert.equal(six.get('SIX_SERVICE_HOST'), 'fd00::1')
  assert.equal(six.get('SIX_PORT'), 'tcp://[fd00::1]:1')
  assert.equal(six.get('SIX_PORT_1_TCP_ADDR'), 'fd00::1')
})

test('services without an address give nothing', () => {
  const ports = [{ port: 80 }]
  assert.deepEqual(
    env(
      service('headless', { clusterIP: 'None', ports }),
      service('pending', { clusterIP: '', ports }),
      service('external', { type: 'ExternalName', externalName: 'example.com' }),
    ),
    {},
  )
})

test('a service without ports has only its host', () => {
  assert.deepEqual(env(service('bare', { clusterIP: '10.0.0.9' })), {
    BARE_SERVICE_HOST: '10.0.0.9',
  })
})

test('services of other namespaces are left out, except the API server', () => {
  const names = Object.keys(env(service('other', { clusterIP: '10.0.0.4' }, 'else'), apiServer))
  assert.deepEqual(
    names.filter((name) => name.endsWith('_HOST')),
    ['KUBERNETES_SERVICE_HOST'],
  )
})

test('without service links only the API server remains', () => {
  const unlinked = buildPod({ spec: { enableServiceLinks: false } })
  const names = [...serviceEnv(unlinked, { services: [web, apiServer] }).keys()]
  assert.ok(names.length > 0)
  assert.ok(names.every((name) => name.startsWith('KUBERNETES_')))
})

test('a service named kubernetes in the own namespace wins, whatever the order', () => {
  const own = service('kubernetes', { clusterIP: '10.9.9.9', ports: [{ port: 1 }] })
  for (const services of [
    [own, apiServer],
    [apiServer, own],
  ]) {
    const variables = serviceEnv(pod, { services })
    assert.equal(variables.get('KUBERNETES_SERVICE_HOST'), '10.9.9.9')
    assert.equal(variables.has('KUBERNETES_SERVICE_PORT_HTTPS'), false)
  }
})

test('another address of the API server replaces the whole family and nothing else', () => {
  const services = [
    apiServer,
    service('kubernetes-dash', { clusterIP: '10.0.0.7', ports: [{ port: 9 }] }),
  ]
  const podApiServer = { host: '192.168.1.5', port: 6443 }
  const variables = serviceEnv(pod, { services, podApiServer })
  const family = Object.fromEntries(
    [...variables].filter(([name]) => !name.startsWith('KUBERNETES_DASH_')),
  )
  assert.deepEqual(family, {
    KUBERNETES_SERVICE_HOST: '192.168.1.5',
    KUBERNETES_SERVICE_PORT: '6443',
    KUBERNETES_SERVICE_PORT_HTTPS: '6443',
    KUBERNETES_PORT: 'tcp://192.168.1.5:6443',
    KUBERNETES_PORT_6443_TCP: 'tcp://192.168.1.5:6443',
    KUBERNETES_PORT_6443_TCP_PROTO: 'tcp',
    KUBERNETES_PORT_6443_TCP_PORT: '6443',
    KUBERNETES_PORT_6443_TCP_ADDR: '192.168.1.5',
  })
  assert.equal(variables.get('KUBERNETES_DASH_SERVICE_HOST'), '10.0.0.7')
})

test('another address of the API server is set although no service tells of one', () => {
  const variables = serviceEnv(pod, { services: [], podApiServer: { host: 'fd00::5', port: 6443 } })
  assert.equal(variables.get('KUBERNETES_PORT'), 'tcp://[fd00::5]:6443')
})
