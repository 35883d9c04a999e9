// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Features } from '../../provider/features.ts'
import { coreFeatures } from '../../runtime/core-features.ts'
import { parseDockerConfig } from './docker-config.ts'
import { featuresHere, type EngineAbilities } from './docker-features.ts'

/** What a node tells of an engine. */
function nodeOn(engine: EngineAbilities, config: object = {}): Features {
  return coreFeatures(featuresHere(parseDockerConfig(config), engine), 'mount')
}

test('an engine on this machine has what the core mounts and asks', () => {
  const features = nodeOn({ kind: 'docker', isLocal: true })
  for (const name of ['hostAliases', 'dnsConfig', 'terminationMessage', 'probe.httpGet'] as const) {
    assert.equal(features[name], true, name)
  }
})

test('an engine on another machine has none of the files that the core would mount, and says so', () => {
  const features = nodeOn({ kind: 'docker', isLocal: false })
  for (const name of ['hostAliases', 'dnsConfig', 'terminationMessage'] as const) {
    assert.equal(features[name], false, name)
  }
  assert.deepEqual(features['volume.emptyDirSizeLimit'], { only: 'in memory' })
  assert.equal(features['probe.exec'], true)
})

test('probes of an engine elsewhere go through the sandbox, which is ours for it', () => {
  const engine = { kind: 'docker', isLocal: false } as const
  const features = nodeOn(engine)
  const others = nodeOn(engine, { pauseImage: 'example.com/pause:1' })
  const only = "where the pod's address can be reached from the node"
  for (const name of ['probe.httpGet', 'probe.tcpSocket', 'probe.grpc'] as const) {
    assert.equal(features[name], true, name)
    assert.deepEqual(others[name], { only }, name)
  }
})

test('the input of a container of Podman ends with its first client, and this is said', () => {
  const only = 'until the first client leaves'
  assert.deepEqual(nodeOn({ kind: 'podman', isLocal: true }).stdin, { only })
  assert.equal(nodeOn({ kind: 'docker', isLocal: true }).stdin, true)
})

test('what the engine has no controller for is no limit of a container, and nothing is resized by halves', () => {
  const controllers = { cpu: false, memory: true }
  const features = nodeOn({ kind: 'podman', isLocal: true, controllers })
  const names = ['cpuLimit', 'memoryLimit', 'resize'] as const
  assert.deepEqual(
    names.map((name) => features[`resources.${name}`]),
    [false, true, false],
  )
})
