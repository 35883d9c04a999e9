// SPDX-License-Identifier: Apache-2.0
//
// Graceful node shutdown: with a grace period set, SIGTERM ends the pods by priority, as those of a machine
// that goes down.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { Container, Node } from '../../src/kube/types.gen.ts'
import { eventually } from './eventually.ts'
import { conditionOf, podSpec, Pods, shell } from './pods.ts'
import { startProcessNode, useSharedFolder } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { useCluster } from './use-cluster.ts'
import { createPriorityClass } from './workloads.ts'

const message = 'Pod was terminated in response to imminent node shutdown.'

describe('a node that shuts down', { skip: skipReason, concurrency: true }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)
  const shared = useSharedFolder()

  /** Notes when it is told to end, and when it does, which is when it may. */
  const slow = (name: string, file: string): Container =>
    shell(
      `note() { echo "${name} $1" >> ${file}; }; ` +
        `trap 'note told; until [ -e ${file}-go ]; do sleep 0.1; done; note ends; exit 0' TERM; ` +
        'echo ready; while :; do sleep 0.1; done',
    )

  const ended = async (name: string): Promise<void> => {
    const pod = await pods.untilPhase(name, 'Failed')
    assert.equal(pod.status?.reason, 'Terminated')
    assert.equal(pod.status.message, message)
    const disruption = conditionOf(pod, 'DisruptionTarget')
    assert.equal(disruption?.status, 'True')
    assert.equal(disruption.reason, 'TerminationByKubelet')
    assert.equal(disruption.message, message)
  }

  test('ends its pods by priority, refuses new ones, and says so', async () => {
    const periods = [
      '--shutdown-grace-period',
      '600s',
      '--shutdown-grace-period-critical-pods',
      '300s',
    ]
    const vk = await startProcessNode(cluster(), { nodeName: 'one', args: periods })
    const file = join(shared(), 'order')
    const containers = (name: string) => [slow(name, file)]
    const nodeName = 'one'
    const common = { nodeName, terminationGracePeriodSeconds: 300 }
    await pods.create({ name: 'plain', spec: { ...common, containers: containers('plain') } })
    await cluster().create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'critical', namespace: 'default' },
      spec: podSpec({
        ...common,
        priorityClassName: 'system-node-critical',
        containers: containers('critical'),
      }),
    })
    await pods.untilLogged('plain', /ready/)
    await pods.untilLogged('critical', /ready/)
    vk.kill('SIGTERM')
    const ready = await eventually(
      async () => {
        const node = await cluster().api<Node>('GET', `/api/v1/nodes/${nodeName}`)
        const condition = conditionOf(node, 'Ready')
        return condition?.status === 'False' ? condition : undefined
      },
      { what: 'the node to be NotReady' },
    )
    assert.equal(ready.reason, 'KubeletNotReady')
    assert.equal(ready.message, 'node is shutting down')
    await pods.create({ name: 'late', spec: { nodeName, containers: [shell('true')] } })
    const late = await pods.untilPhase('late', 'Failed')
    assert.equal(late.status?.reason, 'NodeShutdown')
    assert.equal(
      late.status.message,
      'Pod was rejected: Pod was rejected as the node is shutting down.',
    )
    writeFileSync(`${file}-go`, '')
    assert.equal((await vk.exited).code, 0)
    await ended('plain')
    await ended('critical')
    const lines = readFileSync(file, 'utf8').trim().split('\n')
    assert.deepEqual(lines, ['plain told', 'plain ends', 'critical told', 'critical ends'])
  })

  test('killed in the middle of it, and started again: pods that were ended stay so, the others run on', async () => {
    const periods = ['--shutdown-grace-period-by-pod-priority', '0=300s,1000=60s']
    const start = { nodeName: 'two', nodeIp: cluster().addAddress(), kubeletPort: 10_251 }
    const vk = await startProcessNode(cluster(), { ...start, args: periods })
    await createPriorityClass(cluster(), 'late', 1000)
    const file = join(shared(), 'killed')
    const stubborn = (name: string) => {
      const untilAllowed = `until [ -e ${file}-${name} ]; do sleep 0.1; done`
      return [shell(`trap 'echo ${name} >> ${file}' TERM; echo ready; ${untilAllowed}`)]
    }
    const spec = { nodeName: 'two', terminationGracePeriodSeconds: 300 }
    await pods.create(
      { name: 'first', spec: { ...spec, containers: stubborn('first') } },
      { name: 'last', spec: { ...spec, priorityClassName: 'late', containers: stubborn('last') } },
    )
    await pods.untilLogged('first', /ready/)
    await pods.untilLogged('last', /ready/)
    vk.kill('SIGTERM')
    await eventually(() => readOr(file).includes('first'), { what: 'the first pod to be told' })
    vk.kill('SIGKILL')
    await vk.exited
    await startProcessNode(cluster(), start)
    writeFileSync(`${file}-first`, '')
    await ended('first')
    const last = await pods.get('last')
    assert.equal(last.status?.phase, 'Running')
    assert.doesNotMatch(readOr(file), /last/)
  })
})

function readOr(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    // Not written yet.
    return ''
  }
}
