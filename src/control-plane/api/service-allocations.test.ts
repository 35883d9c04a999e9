// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Service } from '../../kube/types.gen.ts'
import { services } from '../../kube/resources.ts'
import { startEmbeddedCluster } from '../../../test/support/embedded-cluster.ts'

const service = (name: string, type: string) => ({
  metadata: { name, namespace: 'default' },
  spec: { type, ports: [{ port: 80 }] },
})

test('every Service has an address of its own, and ports of nodes if it asks for them', async () => {
  await using cluster = await startEmbeddedCluster()
  const made: Service[] = []
  for (const name of ['one', 'two', 'three']) {
    made.push(await cluster.client.create(services, service(name, 'NodePort')))
  }
  const ips = new Set(made.map(({ spec }) => spec.clusterIP))
  assert.equal(ips.size, 3)
  for (const ip of ips) assert.match(ip ?? '', /^10\.96\.\d+\.\d+$/)
  assert.equal(ips.has('10.96.0.1'), false)
  const ports = new Set(made.map(({ spec }) => spec.ports?.[0]?.nodePort ?? 0))
  assert.equal(ports.size, 3)
  for (const port of ports) assert.ok(port >= 30_000 && port <= 32_767)
})

test('a headless Service has none', async () => {
  await using cluster = await startEmbeddedCluster()
  const made = await cluster.client.create(services, {
    metadata: { name: 'headless', namespace: 'default' },
    spec: { clusterIP: 'None', ports: [{ port: 80 }] },
  })
  assert.equal(made.spec.clusterIP, 'None')
  assert.equal(made.spec.ports?.[0]?.nodePort, undefined)
})

test('a Service that becomes one of nodes gets a port then, and keeps its address', async () => {
  await using cluster = await startEmbeddedCluster()
  const made = await cluster.client.create(services, service('web', 'ClusterIP'))
  assert.equal(made.spec.ports?.[0]?.nodePort, undefined)
  const changed = await cluster.client.replace(services, {
    ...made,
    spec: { ...made.spec, type: 'NodePort' },
  })
  assert.equal(changed.spec.clusterIP, made.spec.clusterIP)
  assert.ok((changed.spec.ports?.[0]?.nodePort ?? 0) >= 30_000)
})
