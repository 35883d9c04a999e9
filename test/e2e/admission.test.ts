// SPDX-License-Identifier: Apache-2.0
//
// Pods that a node refuses: those that it has no room for, that do not belong there, and those that
// ask for what its provider cannot do.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { before, describe, test } from 'node:test'
import type { ContainerState, EphemeralContainer, Pod, PodSpec } from '../../src/kube/types.gen.ts'
import { Pods, shell, stateOf } from './pods.ts'
import { startProcessNode, useSharedFolder } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { scenarioImage } from './scenario-provider.ts'
import { useCluster } from './use-cluster.ts'
import type { VirtualKubelet } from './virtual-kubelet.ts'

/** A spec with fields that no host process can have. */
const UNSUPPORTED: Partial<PodSpec> = {
  restartPolicy: 'Never',
  securityContext: { seLinuxOptions: { level: 's0:c1,c2' } },
  containers: [shell('echo ran anyway', { securityContext: { privileged: true } })],
}

/** As `kubectl debug` makes them. */
const debugContainer = (
  name: string,
  script: string,
  securityContext: EphemeralContainer['securityContext'] = {},
): EphemeralContainer => ({
  name,
  image: scenarioImage,
  command: ['sh', '-c', script],
  targetContainerName: 'main',
  securityContext,
})

const debugState = ({ status }: Pod, container: string): ContainerState | undefined =>
  status?.ephemeralContainerStatuses?.find(({ name }) => name === container)?.state

describe('a node refuses', { skip: skipReason }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)
  const shared = useSharedFolder()
  let strict: VirtualKubelet

  before(async () => {
    strict = await startProcessNode(cluster(), { nodeName: 'strict' })
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

  test('an ephemeral container that it cannot run; the rest of the pod goes on', async () => {
    const file = `${shared()}/debugged`
    const spec = { nodeName: 'strict', containers: [shell('sleep 1000')] }
    await pods.create({ name: 'debugged', spec })
    await pods.untilPhase('debugged', 'Running')
    await debug(
      debugContainer('demanding', 'true', { seLinuxOptions: { level: 's0:c1,c2' } }),
      debugContainer('modest', `echo one >> ${file}`),
    )
    const first = await untilDebugged('modest')
    const { waiting } = debugState(first, 'demanding') ?? {}
    assert.equal(waiting?.reason, 'UnsupportedPodSpec')
    const field = 'spec.ephemeralContainers{demanding}.securityContext.seLinuxOptions: '
    assert.ok(waiting.message?.startsWith(field), waiting.message)
    await pods.untilEvent('debugged', 'UnsupportedPodSpec')
    strict.kill('SIGKILL')
    await strict.exited
    strict = await startProcessNode(cluster(), { nodeName: 'strict', nodeIp: strict.nodeIp })
    await debug(debugContainer('late', `echo two >> ${file}`))
    const second = await untilDebugged('late')
    assert.deepEqual(debugState(second, 'demanding'), { waiting })
    assert.equal(readFileSync(file, 'utf8'), 'one\ntwo\n')
    const events = (await pods.events('debugged')).filter(
      ({ reason }) => reason === 'UnsupportedPodSpec',
    )
    assert.deepEqual(
      events.map(({ type, message }) => [type, message]),
      [['Warning', waiting.message]],
    )
    // Not this container alone: what is changed on the pod takes effect as well.
    const path = '/api/v1/namespaces/default/pods/debugged'
    await cluster().patch(path, { spec: { activeDeadlineSeconds: 1 } })
    const ended = await pods.untilPhase('debugged', 'Failed')
    assert.equal(ended.status?.reason, 'DeadlineExceeded')
    assert.deepEqual(debugState(ended, 'demanding'), { waiting })
  })

  async function debug(...ephemeralContainers: readonly EphemeralContainer[]): Promise<void> {
    await cluster().api('PATCH', '/api/v1/namespaces/default/pods/debugged/ephemeralcontainers', {
      contentType: 'application/strategic-merge-patch+json',
      body: { spec: { ephemeralContainers } },
    })
  }

  async function untilDebugged(name: string): Promise<Pod> {
    const what = `have an ended container ${name}`
    return await pods.until('debugged', (pod) => debugState(pod, name)?.terminated, { what })
  }

  test('when lenient, nothing of that; an event says what was ignored', async () => {
    await pods.create({ name: 'tolerated', spec: { ...UNSUPPORTED, nodeName: 'lenient' } })
    await pods.untilPhase('tolerated', 'Succeeded')
    assert.equal(await pods.logs('tolerated'), 'ran anyway\n')
    const event = await pods.untilEvent('tolerated', 'IgnoredPodFields')
    assert.match(event.message ?? '', /seLinuxOptions/)
  })
})
