// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { UserError } from '../util/vk-error.ts'
import { loadSettings } from './load-settings.ts'

function temporaryFile(text: string): { readonly path: string; [Symbol.dispose](): void } {
  const folder = mkdtempSync(join(tmpdir(), 'vk-settings-'))
  const path = join(folder, 'config.yaml')
  writeFileSync(path, text)
  return { path, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) }
}

function messageOf(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    assert.ok(error instanceof UserError, String(error))
    return [error.message, error.hint].filter((part) => part !== undefined).join(' ')
  }
  return assert.fail('nothing was refused')
}

test('defaults are secure: webhook authentication and authorization, nobody anonymous', () => {
  const { nodes, metricsAddr } = loadSettings({ provider: 'mock' }, {})
  const [node] = nodes
  assert.equal(node?.name, 'virtual-kubelet')
  assert.equal(node.anonymousAuth, false)
  assert.equal(node.authenticationTokenWebhook, true)
  assert.equal(node.authorizationMode, 'Webhook')
  assert.equal(metricsAddr, undefined)
})

test('a flag wins over its environment variable, and both over the file', () => {
  using file = temporaryFile('kubeletPort: 1\nlogLevel: warn\nclusterDomain: file.local\n')
  const env = { KUBELET_PORT: '2', VKUBELET_POD_IP: '10.0.0.9' }
  const config = file.path
  const byEnv = loadSettings({ provider: 'mock', config }, env)
  assert.equal(byEnv.nodes[0]?.kubeletPort, 2)
  assert.equal(byEnv.nodes[0].clusterDomain, 'file.local')
  assert.deepEqual(byEnv.nodes[0].nodeIPs, ['10.0.0.9'])
  assert.equal(byEnv.logLevel, 'warn')
  const byFlag = loadSettings({ provider: 'mock', config, kubeletPort: '3' }, env)
  assert.equal(byFlag.nodes[0]?.kubeletPort, 3)
})

test("a node's own entry in the file wins over everything", () => {
  using file = temporaryFile(
    'provider: mock\nnodes:\n  - name: a\n    kubeletPort: 0\n  - name: b\n    provider: process\n    kubeletPort: 7\n',
  )
  const { nodes } = loadSettings({ config: file.path, kubeletPort: '3' }, {})
  assert.deepEqual(
    nodes.map(({ name, provider, kubeletPort }) => [name, provider, kubeletPort]),
    [
      ['a', 'mock', 0],
      ['b', 'process', 7],
    ],
  )
})

test('flags are read as the kubelet reads them', () => {
  const { nodes, startupTimeoutSeconds } = loadSettings(
    {
      provider: 'mock',
      nodeIp: '10.0.0.1,fd00::1',
      nodeLabels: 'zone=a,empty=',
      registerWithTaints: 'dedicated=ci:NoExecute,plain:NoSchedule',
      disableTaint: true,
      seccompDefault: true,
      anonymousAuth: 'true',
      startupTimeout: '1m30s',
      systemReserved: 'cpu=500m,memory=1Gi',
      evictionHard: 'memory.available<100Mi,nodefs.available<10%',
      evictionSoft: 'memory.available<500Mi',
      evictionSoftGracePeriod: 'memory.available=1m30s',
      evictionMaxPodGracePeriod: '-1',
      shutdownGracePeriodByPodPriority: '0=1m,100000=30s',
    },
    {},
  )
  const [node] = nodes
  assert.deepEqual(node?.nodeIPs, ['10.0.0.1', 'fd00::1'])
  assert.deepEqual(node.labels, { zone: 'a', empty: '' })
  assert.deepEqual(node.registerWithTaints, [
    { key: 'dedicated', value: 'ci', effect: 'NoExecute' },
    { key: 'plain', value: '', effect: 'NoSchedule' },
  ])
  assert.equal(node.disableTaint, true)
  assert.equal(node.seccompDefault, true)
  assert.equal(node.anonymousAuth, true)
  assert.equal(startupTimeoutSeconds, 90)
  assert.deepEqual(node.systemReserved, { cpu: '500m', memory: '1Gi' })
  assert.deepEqual(node.evictionHard, { 'memory.available': '100Mi', 'nodefs.available': '10%' })
  assert.deepEqual(node.evictionSoft, { 'memory.available': '500Mi' })
  assert.deepEqual(node.evictionSoftGracePeriodSeconds, { 'memory.available': 90 })
  assert.equal(node.evictionMaxPodGracePeriodSeconds, -1)
  assert.deepEqual(node.shutdownGracePeriodByPodPriority, [
    { priority: 0, shutdownGracePeriodSeconds: 60 },
    { priority: 100_000, shutdownGracePeriodSeconds: 30 },
  ])
})

const refused: readonly (readonly [string, Record<string, unknown>, RegExp])[] = [
  ['no provider', {}, /no provider is named.*--provider/],
  [
    'a provider that is none, before its settings',
    { provider: 'dokcer', providerConfig: '/nonexistent.yaml' },
    /Cannot use provider "dokcer": there is none of that name.*docker, mock, process/,
  ],
  [
    'a port that is no number',
    { provider: 'mock', kubeletPort: 'x' },
    /--kubelet-port: "x" is not a whole number/,
  ],
  ['a port out of range', { provider: 'mock', kubeletPort: '70000' }, /--kubelet-port.*65535/],
  ['an unknown os', { provider: 'mock', os: 'Plan9' }, /--os.*"linux" or "windows"/],
  ['an address that is none', { provider: 'mock', nodeIp: 'here' }, /must be an IP address/],
  ['an upper-case node name', { provider: 'mock', nodename: 'Laptop' }, /--nodename.*lower case/],
  ['a certificate without a key', { provider: 'mock', tlsCertFile: 'a' }, /without the other/],
  [
    'reserved amounts of something else',
    { provider: 'mock', systemReserved: 'gpu=1' },
    /--system-reserved: it can hold only cpu, memory, ephemeral-storage/,
  ],
  [
    'a reserved amount that is none',
    { provider: 'mock', kubeReserved: 'cpu=lots' },
    /--kube-reserved: it must hold quantities/,
  ],
  [
    'a threshold of an unknown signal',
    { provider: 'mock', evictionHard: 'disk.available<10%' },
    /--eviction-hard: it must hold amounts or percentages of memory.available/,
  ],
  [
    'a threshold that is no comparison',
    { provider: 'mock', evictionHard: 'memory.available=1Gi' },
    /--eviction-hard: "memory.available=1Gi" is no pair.*name<amount/,
  ],
  [
    'a soft threshold without a period',
    { provider: 'mock', evictionSoft: 'memory.available<1Gi' },
    /--eviction-soft: a grace period must be specified for the soft eviction threshold memory.available/,
  ],
  [
    'more time for critical pods than for all',
    { provider: 'mock', shutdownGracePeriod: '10s', shutdownGracePeriodCriticalPods: '20s' },
    /--shutdown-grace-period-critical-pods.*must not be longer \(20 s of 10 s\)/,
  ],
  [
    'two plans for a shutdown',
    { provider: 'mock', shutdownGracePeriod: '10s', shutdownGracePeriodByPodPriority: '0=5s' },
    /--shutdown-grace-period-by-pod-priority: --shutdown-grace-period is given as well/,
  ],
  [
    'a boolean that is none',
    { provider: 'mock', anonymousAuth: 'maybe' },
    /--anonymous-auth: "maybe" is neither/,
  ],
  [
    'a taint without an effect',
    { provider: 'mock', registerWithTaints: 'a=b' },
    /"a=b" is no taint.*NoSchedule/,
  ],
  [
    'a duration without a unit',
    { provider: 'mock', startupTimeout: '5 minutes' },
    /"5 minutes" is no duration/,
  ],
  [
    'a file that is not there',
    { provider: 'mock', config: '/nonexistent.yaml' },
    /there is no such file/,
  ],
]
for (const [what, flags, message] of refused) {
  test(`one clear line for ${what}`, () => {
    assert.match(
      messageOf(() => loadSettings(flags, {})),
      message,
    )
  })
}

const refusedFiles: readonly (readonly [string, string, RegExp])[] = [
  [
    'a misspelt key',
    'provider: mock\nkubletPort: 1\n',
    /line 2: there is no setting "kubletPort"; did you mean "kubeletPort"\?/,
  ],
  ['a wrong type', 'provider: mock\nmaxPods: many\n', /line 2: "maxPods" must be number/],
  [
    'a mistake inside a node',
    'nodes:\n  - name: a\n    provider: mock\n    os: beos\n',
    /line 4: nodes\.0: "os" must be/,
  ],
  ['a node without a name', 'nodes:\n  - provider: mock\n', /line 2: nodes\.0: "name" is missing/],
  ['broken YAML', 'a: [1\n', /line \d: /],
  [
    'two nodes of one name',
    'provider: mock\nnodes: [{name: a, kubeletPort: 0}, {name: a, kubeletPort: 0}]\n',
    /two nodes of the name "a"/,
  ],
  [
    'two nodes on one port',
    'provider: mock\nnodes: [{name: a}, {name: b}]\n',
    /both serve the kubelet API on 0\.0\.0\.0:10250/,
  ],
]
for (const [what, text, message] of refusedFiles) {
  test(`a configuration file with ${what} is refused with its line`, () => {
    using file = temporaryFile(text)
    assert.match(
      messageOf(() => loadSettings({ config: file.path }, {})),
      message,
    )
  })
}

test('every mistake of a file is named, a line each', () => {
  using file = temporaryFile('logLevel: loud\nmaxPods: many\nnodes:\n  - name: a\n    os: beos\n')
  const lines = messageOf(() => loadSettings({ config: file.path }, {})).split('\n')
  assert.equal(lines.length, 3)
})

test('settings of certificates that contradict each other are refused', () => {
  const pair = { tlsCertFile: '/c', tlsPrivateKeyFile: '/k' }
  const both = { provider: 'mock', ...pair, rotateServerCertificates: true }
  assert.throws(() => loadSettings(both, {}), /Cannot use --rotate-server-certificates/)
  const joining = { provider: 'mock', bootstrapKubeconfig: '/b', kubeconfig: '/k' }
  assert.equal(loadSettings(joining, {}).bootstrapKubeconfig, '/b')
})

test('DNS settings: addresses are checked, and an empty file or domain says something', () => {
  const load = (flags: Record<string, string>) =>
    loadSettings({ provider: 'mock', ...flags }, {}).nodes[0]
  const given = load({ clusterDns: '10.96.0.10, fd00::a', resolvConf: '', clusterDomain: '' })
  assert.deepEqual(given?.clusterDNS, ['10.96.0.10', 'fd00::a'])
  assert.equal(given.resolvConf, '')
  assert.equal(given.clusterDomain, '')
  const plain = load({})
  assert.deepEqual([plain?.clusterDNS, plain?.resolvConf], [[], undefined])
  assert.match(
    messageOf(() => load({ clusterDns: 'dns' })),
    /--cluster-dns: it must be an IP address/,
  )
  assert.equal(load({ clusterDns: 'none' })?.clusterDNS, 'none')
  assert.match(
    messageOf(() => load({ clusterDomain: 'a b' })),
    /--cluster-domain/,
  )
})
