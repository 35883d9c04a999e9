// SPDX-License-Identifier: Apache-2.0
//
// Several nodes in one process, named by a configuration file.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import type { Node } from '../../src/kube/types.gen.ts'
import { eventually } from './eventually.ts'
import { conditionOf, Pods, shell } from './pods.ts'
import { skipReason } from './requirements.ts'
import { useCluster } from './use-cluster.ts'
import type { VirtualKubelet } from './virtual-kubelet.ts'

describe('two nodes in one process', { skip: skipReason }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)
  let vk: VirtualKubelet

  before(async () => {
    const configFile = join(cluster().files.folder, 'nodes.json')
    const [one, two] = [cluster().addAddress(), cluster().addAddress()]
    const config = {
      labels: { fleet: 'test' },
      nodes: [
        { name: 'one', provider: 'mock', nodeIPs: [one], address: one },
        {
          name: 'two',
          provider: 'process',
          nodeIPs: [two],
          address: two,
        },
      ],
    }
    writeFileSync(configFile, JSON.stringify(config))
    // No identity may speak for two nodes but one that may do anything.
    vk = await cluster().startVirtualKubelet([], {
      configFile,
      nodeName: 'one',
      nodeIp: one,
      kubeconfig: cluster().kubeconfig,
    })
    await eventually(async () => conditionOf(await node('two'), 'Ready')?.status === 'True', {
      what: 'the second node to be Ready',
    })
  })

  const node = async (name: string) => await cluster().api<Node>('GET', `/api/v1/nodes/${name}`)

  test('are two Nodes, each with a taint of its own provider and the common labels', async () => {
    for (const [name, provider] of [
      ['one', 'mock'],
      ['two', 'process'],
    ] as const) {
      const { metadata, spec } = await node(name)
      assert.equal(metadata.labels?.['fleet'], 'test')
      assert.ok(
        spec.taints?.some((taint) => taint.value === provider),
        name,
      )
    }
  })

  test('run the pods that are bound to them, and answer for those', async () => {
    for (const name of ['one', 'two']) {
      const nodeSelector = { 'kubernetes.io/hostname': name }
      await pods.create({
        name: `on-${name}`,
        spec: { nodeSelector, containers: [shell('echo "this is a process"; sleep 600; :')] },
      })
    }
    for (const name of ['one', 'two']) {
      const pod = await pods.untilPhase(`on-${name}`, 'Running')
      assert.equal(pod.spec.nodeName, name)
    }
    await pods.untilLogged('on-two', /this is a process/)
    assert.doesNotMatch(await pods.logs('on-one'), /this is a process/)
    const list = JSON.stringify(await cluster().api('GET', '/api/v1/nodes/two/proxy/pods'))
    assert.match(list, /on-two/)
    assert.doesNotMatch(list, /on-one/)
  })

  test('let go of one while the other keeps its pods', async () => {
    await pods.end('on-two')
    assert.equal((await pods.get('on-one')).status?.phase, 'Running')
    assert.equal(vk.hasExited(), false)
  })
})
