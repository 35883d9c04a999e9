// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allocateClusterIp, allocateNodePort, withAllocations } from './allocate-service.ts'

const cidr = '10.0.0.0/30'
const pool = {
  cidr,
  takenIps: new Set<string>(),
  nodePorts: { min: 30000, max: 30001 },
  takenNodePorts: new Set([30000]),
  random: () => 0,
}
const service = (spec: Readonly<Record<string, unknown>>) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'a' },
  spec,
})

test('an address is neither the first of the network, nor the last, nor taken', () => {
  for (const start of [0, 1])
    assert.equal(
      allocateClusterIp(cidr, new Set(['10.0.0.1']), () => start),
      '10.0.0.2',
    )
})

test('a network and a range of ports that are all taken give nothing', () => {
  assert.equal(allocateClusterIp(cidr, new Set(['10.0.0.1', '10.0.0.2'])), undefined)
  assert.equal(allocateNodePort({ min: 1, max: 2 }, new Set([1, 2])), undefined)
})

test('a Service of type NodePort gets an address and the free port', () => {
  const ports = [{ port: 80 }]
  assert.deepEqual(withAllocations(service({ type: 'NodePort', ports }), pool)['spec'], {
    type: 'NodePort',
    ports: [{ port: 80, nodePort: 30001 }],
    clusterIP: '10.0.0.1',
    clusterIPs: ['10.0.0.1'],
    ipFamilies: ['IPv4'],
    ipFamilyPolicy: 'SingleStack',
  })
})

test('a port that the Service names itself is not given a second time', () => {
  const ports = [{ port: 80, nodePort: 30001 }, { port: 81 }]
  const { spec } = withAllocations(service({ type: 'NodePort', ports }), pool) as unknown as {
    readonly spec: { readonly ports: readonly unknown[] }
  }
  assert.deepEqual(spec.ports, ports)
})

test('a Service of type ExternalName needs nothing and stays as it is', () => {
  const object = service({ type: 'ExternalName', externalName: 'example.org' })
  assert.equal(withAllocations(object, pool), object)
})
