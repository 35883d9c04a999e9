// SPDX-License-Identifier: Apache-2.0
//
// Pods that a node refuses: those that it has no room for, that do not belong there, and those that
// ask for what its provider cannot do.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import type { PodSpec } from '../../src/kube/types.gen.ts'
import { Pods, shell, stateOf } from './pods.ts'
import { startProcessNode } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { useCluster } from './use-cluster.ts'

/** A spec with fields that no host process can have. */
const UNSUPPORTED: Partial<PodSpec> = {
  restartPolicy: 'Never',
  securityContext: { seLinuxOptions: { level: 's0:c1,c2' } },
  containers: [shell('echo ran anyway', { securityContext: { privileged: true } })],
}

describe('a node refuses', { skip: skipReason }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)

  before(async () => {
    await startProcessNode(cluster(), { nodeName: 'strict' })
    await startProcessNode(cluster(), {
      nodeName: 'lenient',
      args: ['--feature-check', 'lenient', '--max-pods', '3'],
    })
  })

  async function rejected(name: string, spec: Partial<PodSpec>) {
    await pods.create({ name, spec: { containers: [shell('echo never')], ...spec } })
    return await pods.untilPhase(name, 'Failed')
  }

  test('a pod that asks for more than it has', async () => {
    const containers = [shell('true', { resources: { requests: { cpu: '4000' } } })]
    const pod = await rejected('greedy', { nodeName: 'strict', containers })
    assert.equal(pod.status?.reason, 'OutOfcpu')
    assert.match(pod.status?.message ?? '', /Node didn't have enough resource: cpu/)
    const event = await pods.untilEvent('greedy', 'OutOfcpu')
    assert.equal(event.type, 'Warning')
  })

  test('a pod whose selector does not match', async () => {
    const pod = await rejected('misplaced', { nodeName: 'strict', nodeSelector: { disk: 'fast' } })
    assert.equal(pod.status?.reason, 'NodeAffinity')
    await pods.untilEvent('misplaced', 'NodeAffinity')
  })

  test('one pod more than it may have', async () => {
    for (const name of ['full-1', 'full-2', 'full-3']) {
      const spec = { nodeName: 'lenient', containers: [shell('sleep 600; :')] }
      await pods.create({ name, spec })
      await pods.untilPhase(name, 'Running')
    }
    const pod = await rejected('full-4', { nodeName: 'lenient' })
    assert.equal(pod.status?.reason, 'OutOfpods')
    await pods.deleteAll()
  })

  test('when strict, a pod that needs what the provider cannot do: it waits and names all', async () => {
    await pods.create({ name: 'demanding', spec: { ...UNSUPPORTED, nodeName: 'strict' } })
    const pod = await pods.until(
      'demanding',
      (pod) => stateOf(pod)?.waiting?.reason === 'UnsupportedPodSpec',
      { what: 'wait with UnsupportedPodSpec' },
    )
    assert.equal(pod.status?.phase, 'Pending')
    const message = stateOf(pod)?.waiting?.message ?? ''
    assert.match(message, /seLinuxOptions/)
    assert.match(message, /privileged/)
    const event = await pods.untilEvent('demanding', 'UnsupportedPodSpec')
    assert.equal(event.type, 'Warning')
    assert.match(event.message ?? '', /seLinuxOptions/)
    await pods.end('demanding')
  })

  test('when lenient, nothing of that; an event says what was ignored', async () => {
    await pods.create({ name: 'tolerated', spec: { ...UNSUPPORTED, nodeName: 'lenient' } })
    await pods.untilPhase('tolerated', 'Succeeded')
    assert.equal(await pods.logs('tolerated'), 'ran anyway\n')
    const event = await pods.untilEvent('tolerated', 'IgnoredPodFields')
    assert.match(event.message ?? '', /seLinuxOptions/)
  })
})
