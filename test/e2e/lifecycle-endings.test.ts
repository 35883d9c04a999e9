// SPDX-License-Identifier: Apache-2.0
//
// What is told of a pod and its containers when they end, and of the pod all along: last words, stop
// signals, graces and deadlines, evictions, generations and conditions. On host processes.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Container, Pod } from '../../src/kube/types.gen.ts'
import { eventually } from './eventually.ts'
import { watchPod } from './pod-watch.ts'
import { conditionOf, Pods, shell, stateOf, statusOf } from './pods.ts'
import { startProcessNode, useSharedFolder } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { planeKind } from './test-control-plane.ts'
import { useCluster } from './use-cluster.ts'
import type { VirtualKubelet } from './virtual-kubelet.ts'

const pod = (name: string): string => `/api/v1/namespaces/default/pods/${name}`
const idle = (more: Partial<Container> = {}): Container =>
  shell('trap "exit 0" TERM; echo ready; while :; do sleep 0.1; done', more)
/** Of pods that end as soon as they are told to: nobody uses it up. */
const terminationGracePeriodSeconds = 1000
/** Goes on as soon as the file is there. */
const until = (file: string): string => `until test -e ${file}; do sleep 0.1; done`

/** Conditions that the node keeps. */
const ownConditions = [
  'PodReadyToStartContainers',
  'Initialized',
  'Ready',
  'ContainersReady',
  'PodScheduled',
]

describe('endings', { skip: skipReason }, () => {
  // What is alpha in Kubernetes is off by default, and the embedded API server has no such switch.
  const apiServerArgs = planeKind === 'real' ? ['--feature-gates=ContainerStopSignals=true'] : []
  const cluster = useCluster({ apiServerArgs })
  const pods = new Pods(cluster)
  const shared = useSharedFolder()
  let node: VirtualKubelet

  before(async () => {
    node = await startProcessNode(cluster(), { nodeIp: cluster().addAddress() })
  })

  /** Deletes the pod, and answers with its last state. */
  const lastOf = async (name: string): Promise<Pod> => {
    using watch = await watchPod(cluster(), name)
    await pods.end(name)
    return await watch.until(({ status }) => status?.phase === 'Failed', 'have failed')
  }

  test('a container that fails without a word has the end of its log as its last words', async () => {
    const terminationMessagePolicy = 'FallbackToLogsOnError'
    // An engine reads the two streams by themselves: the one is written to once the other has been read.
    const file = `${shared()}/read`
    const script = `for i in $(seq 100); do echo "line $i"; done; ${until(file)}; echo gone >&2; exit 3`
    await pods.create({
      name: 'wordy',
      spec: {
        restartPolicy: 'Never',
        containers: [
          shell(script, { terminationMessagePolicy }),
          shell('echo fine', { name: 'fine', terminationMessagePolicy }),
          shell('printf DONE; exit 1', { name: 'terse', terminationMessagePolicy }),
          shell('echo failed; exit 1', { name: 'silent' }),
        ],
      },
    })
    const log = { container: 'main' }
    const isRead = async () => (await pods.logs('wordy', log)).endsWith('line 100\n')
    await eventually(isRead, { what: 'its lines to be read' })
    writeFileSync(file, '')
    const ended = await pods.untilPhase('wordy', 'Failed')
    const lines = (stateOf(ended, 'main')?.terminated?.message ?? '').trim().split('\n')
    assert.equal(lines.length, 80)
    assert.deepEqual(lines.slice(-2), ['line 100', 'gone'])
    assert.equal(stateOf(ended, 'fine')?.terminated?.message, undefined)
    assert.equal(stateOf(ended, 'terse')?.terminated?.message, 'DONE')
    assert.equal(stateOf(ended, 'silent')?.terminated?.message, undefined)
  })

  test('a container is stopped by the signal that it asks for', async (t) => {
    const script = 'trap "exit 9" USR1; trap "exit 1" TERM; echo ready; while :; do sleep 0.1; done'
    const lifecycle = { stopSignal: 'SIGUSR1' }
    await pods.create({
      name: 'signalled',
      spec: {
        terminationGracePeriodSeconds,
        os: { name: 'linux' },
        containers: [shell(script, { lifecycle })],
      },
    })
    await pods.untilLogged('signalled', /ready/)
    const [container] = (await pods.get('signalled')).spec.containers
    if (container?.lifecycle?.stopSignal === undefined) {
      return t.skip('the API server drops stopSignal: its gate ContainerStopSignals is off')
    }
    using watch = await watchPod(cluster(), 'signalled')
    await pods.end('signalled')
    const last = await watch.until((state) => stateOf(state)?.terminated, 'have ended')
    assert.equal(stateOf(last)?.terminated?.exitCode, 9)
  })

  test('two seconds lie between a stop signal and KILL, however short the grace', async () => {
    const script = 'trap "" TERM; echo ready; while :; do sleep 0.1; done'
    await pods.create({ name: 'hurried', spec: { containers: [shell(script)] } })
    await pods.untilLogged('hurried', /ready/)
    const startMs = performance.now()
    await pods.end('hurried', { gracePeriodSeconds: 1 })
    assert.ok(performance.now() - startMs >= 1900, 'it had the time to say farewell')
  })

  test('a deadline goes on while virtual-kubelet does not run', async () => {
    const spec = { terminationGracePeriodSeconds, containers: [idle()] }
    await pods.create({ name: 'overdue', spec })
    await pods.untilLogged('overdue', /ready/)
    const { status } = await pods.untilPhase('overdue', 'Running')
    const startMs = Date.parse(status?.startTime ?? '')
    // It has begun, however long that took; the deadline is a moment from now.
    const activeDeadlineSeconds = Math.ceil((Date.now() - startMs) / 1000) + 2
    await cluster().patch(pod('overdue'), { spec: { activeDeadlineSeconds } })
    node.kill('SIGKILL')
    await node.exited
    await sleep(startMs + activeDeadlineSeconds * 1000 - Date.now())
    node = await startProcessNode(cluster(), { nodeIp: node.nodeIp })
    const ended = await pods.untilPhase('overdue', 'Failed')
    assert.equal(ended.status?.reason, 'DeadlineExceeded')
    assert.equal(stateOf(ended)?.terminated?.exitCode, 0, 'it was stopped with its grace')
  })

  test('status and conditions say of which generation of the spec they speak', async () => {
    const isAt = (generation: number) => (state: Pod) =>
      state.status?.phase === 'Running' && state.status.observedGeneration === generation
    await pods.create({ name: 'generations', spec: { containers: [idle()] } })
    const first = await pods.until('generations', isAt(1), { what: 'speak of generation 1' })
    assert.deepEqual(generationsOf(first), [1])
    await cluster().patch(pod('generations'), { spec: { activeDeadlineSeconds: 1000 } })
    const second = await pods.until('generations', isAt(2), { what: 'speak of generation 2' })
    assert.deepEqual(generationsOf(second), [2])
    using watch = await watchPod(cluster(), 'generations')
    await pods.end('generations')
    // A deletion is a generation of its own.
    const hasEnded = ({ status }: Pod) => ['Succeeded', 'Failed'].includes(status?.phase ?? '')
    const last = await watch.until(hasEnded, 'have ended')
    assert.deepEqual([last.status?.observedGeneration, ...generationsOf(last)], [3, 3])
  })

  test('a pod is ready to start containers from its sandbox to its end', async () => {
    const isReady = (state: Pod) => conditionOf(state, 'PodReadyToStartContainers')?.status
    const file = `${shared()}/seen`
    await pods.create({
      name: 'sandboxed',
      spec: { restartPolicy: 'Never', containers: [shell(until(file))] },
    })
    using watch = await watchPod(cluster(), 'sandboxed')
    await watch.until((state) => isReady(state) === 'True', 'have a sandbox')
    writeFileSync(file, '')
    const ended = await watch.until(({ status }) => status?.phase === 'Succeeded', 'have succeeded')
    assert.equal(isReady(ended), 'False')
    // It does not flap on the way.
    const values = watch.states.map(isReady).filter((value) => value !== undefined)
    const changes = values.filter((value, index) => value !== values[index - 1])
    assert.match(changes.join(), /^(False,)?True,False$/)
  })

  test('a pod that was evicted by the API says so to its end', async () => {
    await pods.create({ name: 'evicted', spec: { containers: [idle()] } })
    await pods.untilPhase('evicted', 'Running')
    using watch = await watchPod(cluster(), 'evicted')
    const metadata = { name: 'evicted', namespace: 'default' }
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata }
    await cluster().api('POST', `${pod('evicted')}/eviction`, { body })
    await pods.untilGone('evicted')
    const last = await watch.until((state) => stateOf(state)?.terminated, 'have ended')
    const target = conditionOf(last, 'DisruptionTarget')
    assert.deepEqual([target?.status, target?.reason], ['True', 'EvictionByEvictionAPI'])
  })

  test('a container that never began is lost with its pod, unless the pod was never initialized', async () => {
    const absent = { name: 'absent' }
    const unable = idle({
      env: [{ name: 'A', valueFrom: { configMapKeyRef: { ...absent, key: 'k' } } }],
    })
    await pods.create(
      { name: 'unready', spec: { containers: [unable] } },
      {
        name: 'uninitialized',
        spec: {
          initContainers: [idle({ name: 'first' }), idle({ name: 'second' })],
          containers: [idle()],
        },
      },
    )
    const isWaiting = (state: Pod) =>
      stateOf(state)?.waiting?.reason === 'CreateContainerConfigError'
    await pods.until('unready', isWaiting, { what: 'wait for its variable' })
    const hasBegun = ({ status }: Pod) => status?.initContainerStatuses?.[0]?.state?.running
    await pods.until('uninitialized', hasBegun, { what: 'run its first container' })
    const [last, failed] = await Promise.all([lastOf('unready'), lastOf('uninitialized')])
    const lost = stateOf(last)?.terminated
    assert.deepEqual(
      [lost?.exitCode, lost?.reason, lost?.message, statusOf(last)?.restartCount],
      [
        137,
        'ContainerStatusUnknown',
        'The container could not be located when the pod was terminated',
        0,
      ],
    )
    const { initContainerStatuses: [first, second] = [] } = failed.status ?? {}
    assert.match(first?.state?.terminated?.reason ?? '', /^(Completed|Error)$/)
    assert.equal(second?.state?.waiting?.reason, 'PodInitializing')
    assert.equal(stateOf(failed)?.waiting?.reason, 'PodInitializing')
  })

  test('a variable has its value from a file that an init container left', async () => {
    const fileKeyRef = { volumeName: 'v', path: 'env', key: 'GREETING' }
    const writer = shell(`echo "GREETING='hello there' # as agreed" > "$VK_VOLUME_V/env"`, {
      name: 'writer',
      volumeMounts: [{ name: 'v', mountPath: '/v' }],
    })
    const reader = shell('echo "$GREETING"', {
      env: [{ name: 'GREETING', valueFrom: { fileKeyRef } }],
    })
    const broken = { ...fileKeyRef, key: 'ABSENT' }
    await pods.create(
      {
        name: 'from-file',
        spec: {
          restartPolicy: 'Never',
          volumes: [{ name: 'v', emptyDir: {} }],
          initContainers: [writer],
          containers: [reader],
        },
      },
      {
        name: 'from-nowhere',
        spec: {
          volumes: [{ name: 'v', emptyDir: {} }],
          initContainers: [writer],
          containers: [idle({ env: [{ name: 'A', valueFrom: { fileKeyRef: broken } }] })],
        },
      },
    )
    await pods.untilPhase('from-file', 'Succeeded')
    assert.equal(await pods.logs('from-file'), 'hello there\n')
    const isTold = (state: Pod): boolean => {
      const { reason, message = '' } = stateOf(state)?.waiting ?? {}
      const isMissing = message.includes('key "ABSENT" not found in file "env"')
      return reason === 'CreateContainerConfigError' && isMissing
    }
    await pods.until('from-nowhere', isTold, { what: 'wait for its variable' })
    await pods.end('from-nowhere', { gracePeriodSeconds: 1 })
  })
})

/** The generations that the node's own conditions speak of. */
function generationsOf({ status }: Pod): readonly (number | undefined)[] {
  const own = (status?.conditions ?? []).filter(({ type }) => ownConditions.includes(type))
  assert.equal(own.length, ownConditions.length)
  return [...new Set(own.map(({ observedGeneration }) => observedGeneration))]
}
