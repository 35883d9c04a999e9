// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aboutKubelet } from './kubelet-about.ts'
import { loadSettings } from './load-settings.ts'
import { nodeKeys, processKeys } from './settings.ts'

const flags = { provider: 'mock', anonymousAuth: true, clientCaFile: '/ca.pem', maxPods: '7' }

test('a kubelet tells its configuration in the words of KubeletConfiguration', () => {
  const settings = loadSettings(flags, {})
  const [node] = settings.nodes
  assert.ok(node)
  const { configuration, flags: told } = aboutKubelet({ node, process: settings })
  const { authentication, maxPods, port } = configuration as Readonly<Record<string, unknown>>
  assert.deepEqual(authentication, {
    x509: { clientCAFile: '/ca.pem' },
    webhook: { enabled: true, cacheTTL: '2m0s' },
    anonymous: { enabled: true },
  })
  assert.deepEqual([port, maxPods], [10_250, 7])
  assert.equal(told['max-pods'], '7')
  assert.equal(told['anonymous-auth'], 'true')
})

test("nothing of the provider's own configuration is told", () => {
  const settings = loadSettings(flags, {})
  const [first] = settings.nodes
  assert.ok(first)
  const node = { ...first, providerConfig: { password: 'hush' }, providerConfigFile: '/hush.yaml' }
  assert.doesNotMatch(JSON.stringify(aboutKubelet({ node, process: settings })), /hush/)
})

test('whether a setting may be told has been decided for each of them', () => {
  const secret = ['providerConfig', 'providerConfigFile']
  const settings = loadSettings(flags, {})
  const [first] = settings.nodes
  assert.ok(first)
  const all = Object.fromEntries([...nodeKeys, ...processKeys].map((key) => [key, 'set']))
  const node = { ...first, ...all, registerWithTaints: [] } as typeof first
  const { flags: told } = aboutKubelet({ node, process: { ...settings, ...all } })
  // One flag a setting, and the name of the node.
  assert.equal(Object.keys(told).length, nodeKeys.length + processKeys.length + 1 - secret.length)
})
