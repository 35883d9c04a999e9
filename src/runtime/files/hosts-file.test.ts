// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostNetworkHosts, managedHosts } from './hosts-file.ts'

const head = [
  '# Kubernetes-managed hosts file.',
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::0\tip6-localnet',
  'fe00::0\tip6-mcastprefix',
  'fe00::1\tip6-allnodes',
  'fe00::2\tip6-allrouters',
  '',
].join('\n')

test('a pod finds itself under each of its addresses', () => {
  const podIPs = ['10.1.2.3', 'fd00::3']
  const short = managedHosts({ hostname: 'web-0', domain: '' }, { podIPs })
  assert.equal(short, `${head}10.1.2.3\tweb-0\nfd00::3\tweb-0\n`)
  const domain = 'web.shop.svc.cluster.local'
  const full = managedHosts({ hostname: 'web-0', domain }, { podIPs })
  assert.equal(full, `${head}10.1.2.3\tweb-0.${domain}\tweb-0\nfd00::3\tweb-0.${domain}\tweb-0\n`)
})

test('aliases follow, all names of an address on one line', () => {
  const aliases = [
    { ip: '1.2.3.4', hostnames: ['a', 'b.c'] },
    { ip: '::5', hostnames: ['d'] },
  ]
  const added = '\n# Entries added by HostAliases.\n1.2.3.4\ta\tb.c\n::5\td\n'
  const text = managedHosts({ hostname: 'p', domain: '' }, { podIPs: ['10.0.0.9'], aliases })
  assert.equal(text, `${head}10.0.0.9\tp\n${added}`)
  assert.equal(
    hostNetworkHosts('127.0.0.1 localhost\n', aliases),
    `# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n${added}`,
  )
})
