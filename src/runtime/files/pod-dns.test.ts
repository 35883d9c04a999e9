// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { PodSpec } from '../../kube/types.gen.ts'
import { podDns, type DnsContext } from './pod-dns.ts'
import type { DnsConfig } from './resolv-conf.ts'

const nodeConfig: DnsConfig = {
  servers: ['192.168.0.1'],
  searches: ['lan.example'],
  options: ['timeout:1'],
}
const context: DnsContext = {
  node: { clusterDomain: 'cluster.local', clusterDNS: ['10.96.0.10'] },
  nodeConfig,
  nodeIPs: ['10.0.0.1'],
}
const clusterSearches = ['shop.svc.cluster.local', 'svc.cluster.local', 'cluster.local']
const ofCluster: DnsConfig = {
  servers: ['10.96.0.10'],
  searches: [...clusterSearches, 'lan.example'],
  options: ['ndots:5'],
}

function dnsFor(spec: Partial<PodSpec>, changes: Partial<DnsContext> = {}) {
  const metadata = { namespace: 'shop', name: 'web', uid: 'u1' }
  return podDns({ metadata, spec: { containers: [], ...spec } }, { ...context, ...changes })
}

const none: DnsConfig = { servers: [], searches: [], options: [] }
const policies: readonly [string, Partial<PodSpec>, DnsConfig][] = [
  ['no policy', {}, ofCluster],
  ['ClusterFirst', { dnsPolicy: 'ClusterFirst' }, ofCluster],
  [
    "ClusterFirst on the host's network",
    { dnsPolicy: 'ClusterFirst', hostNetwork: true },
    nodeConfig,
  ],
  [
    "ClusterFirstWithHostNet on the host's network",
    { dnsPolicy: 'ClusterFirstWithHostNet', hostNetwork: true },
    ofCluster,
  ],
  ['Default', { dnsPolicy: 'Default' }, nodeConfig],
  ['None', { dnsPolicy: 'None' }, none],
]

for (const [name, spec, config] of policies) {
  test(`a pod with ${name} resolves names as a kubelet would have it`, () => {
    assert.deepEqual(dnsFor(spec), { config, events: [], nodeEvents: [] })
  })
}

test('without a DNS service ClusterFirst is Default, and pod and node are told', () => {
  const node = { clusterDomain: 'cluster.local', clusterDNS: [] }
  const { config, events, nodeEvents } = dnsFor({ dnsPolicy: 'ClusterFirstWithHostNet' }, { node })
  const why =
    'kubelet does not have ClusterDNS IP configured and cannot create Pod using "ClusterFirst" ' +
    'policy. Falling back to "Default" policy.'
  assert.deepEqual(config, nodeConfig)
  assert.deepEqual(events, [
    { type: 'Warning', reason: 'MissingClusterDNS', message: `pod: "web_shop(u1)". ${why}` },
  ])
  assert.deepEqual(nodeEvents, [{ type: 'Warning', reason: 'MissingClusterDNS', message: why }])
})

test('a cluster that has no DNS service needs no telling', () => {
  const node = { clusterDomain: 'cluster.local', clusterDNS: 'none' } as const
  assert.deepEqual(dnsFor({}, { node }), { config: nodeConfig, events: [], nodeEvents: [] })
})

test('where pods are to have nothing of the node, they ask a server of their own machine', () => {
  const changes = { nodeConfig: undefined, nodeIPs: ['10.0.0.1', 'fd00::1'] }
  const { config } = dnsFor({ dnsPolicy: 'Default' }, changes)
  assert.deepEqual(config, { servers: ['127.0.0.1', '::1'], searches: ['.'], options: [] })
  const { config: cluster } = dnsFor({}, changes)
  assert.deepEqual(cluster.searches, clusterSearches)
})

test('a cluster without a domain adds none', () => {
  const node = { clusterDomain: '', clusterDNS: ['10.96.0.10'] }
  assert.deepEqual(dnsFor({}, { node }).config.searches, ['lan.example'])
})

test("the pod's own configuration comes on top, without repeats, its options by name", () => {
  const { config } = dnsFor({
    dnsConfig: {
      nameservers: ['1.1.1.1', '10.96.0.10'],
      searches: ['lan.example', 'own.example'],
      options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
    },
  })
  assert.deepEqual(config, {
    servers: ['10.96.0.10', '1.1.1.1'],
    searches: [...clusterSearches, 'lan.example', 'own.example'],
    options: ['ndots:2', 'edns0'],
  })
})

test('beyond three servers the rest is left out, and told', () => {
  const nameservers = ['1.1.1.1', '2.2.2.2', '3.3.3.3']
  const { config, events } = dnsFor({ dnsConfig: { nameservers } })
  assert.deepEqual(config.servers, ['10.96.0.10', '1.1.1.1', '2.2.2.2'])
  assert.deepEqual(
    events.map(({ reason, message }) => [reason, message]),
    [
      [
        'DNSConfigForming',
        'Nameserver limits were exceeded, some nameservers have been omitted, ' +
          'the applied nameserver line is: 10.96.0.10 1.1.1.1 2.2.2.2',
      ],
    ],
  )
})

test('a domain of more than 253 characters is left out, and told', () => {
  const searches = ['a'.repeat(254), 'b'.repeat(253)]
  const { config, events } = dnsFor({ dnsPolicy: 'None', dnsConfig: { searches } })
  assert.deepEqual(config.searches, ['b'.repeat(253)])
  assert.equal(
    events[0]?.message,
    'Search Line limits were exceeded, some search paths have been omitted, ' +
      `the applied search line is: ${'b'.repeat(253)}`,
  )
})

test('searches keep their order and the limits, and what is cut is told, whatever is asked for', () => {
  const domains = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,300}$/), { maxLength: 40 })
  fc.assert(
    fc.property(domains, (searches) => {
      const { config, events } = dnsFor({ dnsPolicy: 'None', dnsConfig: { searches } })
      assert.ok(config.searches.length <= 32)
      assert.ok(config.searches.join(' ').length <= 2048)
      assert.deepEqual(
        config.searches,
        searches.filter((one) => config.searches.includes(one)),
      )
      assert.equal(events.length, config.searches.length < searches.length ? 1 : 0)
    }),
  )
})
