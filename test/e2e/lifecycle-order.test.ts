// SPDX-License-Identifier: Apache-2.0
//
// In which order the containers of a pod start, end and start again: init containers, sidecars, regular
// ones, ephemeral ones. On host processes.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { before, describe, test } from 'node:test'
import type {
  Container,
  ContainerStatus,
  EphemeralContainer,
  Pod,
} from '../../src/kube/types.gen.ts'
import { eventually } from './eventually.ts'
import { kubectlSkipReason } from './find-kubectl.ts'
import { conditionOf, Pods, shell, stateOf, statusOf } from './pods.ts'
import { startProcessNode, useSharedFolder } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { scenarioImage } from './scenario-provider.ts'
import { useCluster } from './use-cluster.ts'

/** Goes on until it is told to stop, and takes down that it was told. */
const untilTerm = (name: string, file: string): string =>
  `trap 'echo "${name} ends" >> ${file}; exit 0' TERM; echo "${name} runs" >> ${file}; ` +
  `while :; do sleep 0.1; done`

/** Of pods that end as soon as they are told to: nobody uses it up. */
const terminationGracePeriodSeconds = 1000

const initStatus = (pod: Pod, name: string): ContainerStatus | undefined =>
  pod.status?.initContainerStatuses?.find((status) => status.name === name)

describe('containers of a pod', { skip: skipReason }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)
  const shared = useSharedFolder()
  const lines = (file: string): readonly string[] => readFileSync(file, 'utf8').trim().split('\n')

  before(async () => {
    await startProcessNode(cluster())
  })

  test('init containers run one by one, each after the success of the one before', async () => {
    const file = `${shared()}/steps`
    const step = (name: string): Container =>
      shell(`echo "${name} begins" >> ${file}; sleep 0.2; echo "${name} ends" >> ${file}`, { name })
    await pods.create({
      name: 'steps',
      spec: {
        restartPolicy: 'Never',
        initContainers: [step('first'), step('second')],
        containers: [step('main')],
      },
    })
    const pod = await pods.untilPhase('steps', 'Succeeded')
    const order = ['first', 'second', 'main'].flatMap((name) => [`${name} begins`, `${name} ends`])
    assert.deepEqual(lines(file), order)
    for (const name of ['first', 'second']) {
      const status = initStatus(pod, name)
      assert.equal(status?.state?.terminated?.reason, 'Completed')
      assert.equal(status.ready, true)
    }
    assert.equal(conditionOf(pod, 'Initialized')?.status, 'True')
    assert.equal(conditionOf(pod, 'Initialized')?.reason, 'PodCompleted')
  })

  test('an init container that fails is tried again, and meanwhile the pod is Pending', async () => {
    const file = `${shared()}/tries`
    const script = `echo x >> ${file}; test $$(wc -l < ${file}) -ge 2`
    await pods.create({
      name: 'retried',
      spec: {
        restartPolicy: 'OnFailure',
        initContainers: [shell(script, { name: 'flaky' })],
        containers: [shell('true')],
      },
    })
    const pod = await pods.untilPhase('retried', 'Succeeded')
    assert.equal(initStatus(pod, 'flaky')?.restartCount, 1)
    assert.equal(initStatus(pod, 'flaky')?.lastState?.terminated?.exitCode, 1)
  })

  test('an init container that may not fail fails its pod, and nothing after it starts', async () => {
    const file = `${shared()}/never`
    await pods.create({
      name: 'broken',
      spec: {
        restartPolicy: 'Never',
        terminationGracePeriodSeconds,
        initContainers: [
          shell(untilTerm('side', file), { name: 'side', restartPolicy: 'Always' }),
          shell(`until grep -q "side runs" ${file}; do sleep 0.1; done; exit 3`, { name: 'init' }),
        ],
        containers: [shell(`echo "main runs" >> ${file}`)],
      },
    })
    const pod = await pods.untilPhase('broken', 'Failed')
    assert.deepEqual(lines(file), ['side runs', 'side ends'])
    assert.equal(initStatus(pod, 'init')?.state?.terminated?.exitCode, 3)
    assert.equal(statusOf(pod)?.restartCount, 0)
    assert.equal(conditionOf(pod, 'Initialized')?.status, 'False')
  })

  test('a sidecar runs before the others, is started again, and ends after them', async () => {
    const file = `${shared()}/sidecar`
    const sidecar = shell(
      `if test ! -e ${file}.once; then touch ${file}.once; echo "side fails" >> ${file}; exit 1; fi; ` +
        untilTerm('side', file),
      { name: 'side', restartPolicy: 'Always' },
    )
    const main = shell(
      `until grep -q "side runs" ${file}; do sleep 0.1; done; echo "main ends" >> ${file}`,
    )
    await pods.create({
      name: 'accompanied',
      spec: {
        restartPolicy: 'Never',
        terminationGracePeriodSeconds,
        initContainers: [sidecar],
        containers: [main],
      },
    })
    const pod = await pods.untilPhase('accompanied', 'Succeeded')
    assert.deepEqual(lines(file), ['side fails', 'side runs', 'main ends', 'side ends'])
    assert.equal(initStatus(pod, 'side')?.restartCount, 1)
    await pods.untilEvent('accompanied', 'Killing')
    const killings = (await pods.events('accompanied')).filter(({ reason }) => reason === 'Killing')
    assert.deepEqual(
      killings.map(({ message }) => message),
      ['Stopping container side'],
    )
  })

  test('a deleted pod ends its sidecars last, from the last to the first', async () => {
    const file = `${shared()}/deleted`
    const sidecar = (name: string): Container =>
      shell(untilTerm(name, file), { name, restartPolicy: 'Always' })
    await pods.create({
      name: 'deleted',
      spec: {
        terminationGracePeriodSeconds,
        initContainers: [sidecar('one'), sidecar('two')],
        containers: [shell(untilTerm('main', file))],
      },
    })
    await pods.until('deleted', (pod) => conditionOf(pod, 'Ready')?.status === 'True', {
      what: 'be Ready',
    })
    await eventually(() => lines(file).length === 3, { what: 'all to be able to end in order' })
    await pods.end('deleted')
    assert.deepEqual(lines(file).slice(3), ['main ends', 'two ends', 'one ends'])
  })

  test('an ephemeral container, as kubectl debug adds it, runs once beside the others', async () => {
    await pods.create({ name: 'debugged', spec: { containers: [shell('sleep 1000')] } })
    await pods.untilPhase('debugged', 'Running')
    const debugging: EphemeralContainer = {
      name: 'debugger-abcde',
      image: scenarioImage,
      command: ['sh', '-c', 'echo here; exit 5'],
      targetContainerName: 'main',
      securityContext: { capabilities: { add: ['SYS_PTRACE'] } },
    }
    await cluster().api('PATCH', '/api/v1/namespaces/default/pods/debugged/ephemeralcontainers', {
      contentType: 'application/strategic-merge-patch+json',
      body: { spec: { ephemeralContainers: [debugging] } },
    })
    const ended = (pod: Pod): ContainerStatus | undefined =>
      pod.status?.ephemeralContainerStatuses?.find(({ state }) => state?.terminated)
    const pod = await pods.until('debugged', ended, { what: 'have an ended debugger' })
    assert.equal(ended(pod)?.state?.terminated?.exitCode, 5)
    assert.equal(ended(pod)?.restartCount, 0)
    assert.ok(stateOf(pod)?.running)
    assert.equal(conditionOf(pod, 'Ready')?.status, 'True')
    assert.equal(await pods.logs('debugged', { container: 'debugger-abcde' }), 'here\n')
    await pods.end('debugged', { gracePeriodSeconds: 1 })
  })

  test('kubectl debug works with its own defaults', { skip: kubectlSkipReason }, async () => {
    await pods.create({ name: 'suspect', spec: { containers: [shell('sleep 1000')] } })
    await pods.untilPhase('suspect', 'Running')
    // The profile is the default of today's kubectl, not of older ones.
    const profile = '--profile=general'
    const args = [
      'debug',
      profile,
      'suspect',
      `--image=${scenarioImage}`,
      '--target=main',
      '--container=look',
    ]
    const look = 'until ps -eo args | grep "[s]leep 1000"; do sleep 0.1; done'
    await cluster().kubectl([...args, '--', 'sh', '-c', look])
    const pod = await pods.until(
      'suspect',
      ({ status }) => status?.ephemeralContainerStatuses?.[0]?.state?.terminated,
      { what: 'have an ended debugger' },
    )
    const [added] = pod.spec.ephemeralContainers ?? []
    assert.deepEqual(added?.securityContext?.capabilities?.add, ['SYS_PTRACE'])
    assert.equal(pod.status?.ephemeralContainerStatuses?.[0]?.state?.terminated?.exitCode, 0)
    assert.match(await pods.logs('suspect', { container: 'look' }), /sleep 1000/)
    await pods.end('suspect', { gracePeriodSeconds: 1 })
  })

  test('a rule has one container started again, where its policy would not', async () => {
    const file = `${shared()}/ruled`
    const main = shell(
      `echo "main runs" >> ${file}; test $$(grep -c main ${file}) -ge 2 && exit 3; exit 42`,
      {
        restartPolicy: 'Never',
        restartPolicyRules: [
          { action: 'Restart', exitCodes: { operator: 'In', values: [41, 42] } },
        ],
      },
    )
    const other = shell(`echo "other runs" >> ${file}; exit 42`, {
      name: 'other',
      restartPolicy: 'Never',
      restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'NotIn', values: [42] } }],
    })
    await pods.create({
      name: 'ruled',
      spec: { restartPolicy: 'Always', containers: [main, other] },
    })
    const pod = await pods.untilPhase('ruled', 'Failed')
    assert.deepEqual(lines(file).toSorted(), ['main runs', 'main runs', 'other runs'])
    assert.deepEqual(
      ['main', 'other'].map((name) => [
        statusOf(pod, name)?.restartCount,
        statusOf(pod, name)?.state?.terminated?.exitCode,
      ]),
      [
        [1, 3],
        [0, 42],
      ],
    )
    assert.equal(statusOf(pod)?.lastState?.terminated?.exitCode, 42)
  })

  test('a rule can have all containers of a pod start anew', async () => {
    const file = `${shared()}/anew`
    const main = shell(
      `echo "main runs" >> ${file}; test $$(grep -c main ${file}) -ge 2 && exit 0; sleep 0.3; exit 42`,
      {
        restartPolicy: 'Never',
        restartPolicyRules: [
          { action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [42] } },
        ],
      },
    )
    await pods.create({
      name: 'anew',
      spec: {
        restartPolicy: 'Never',
        initContainers: [shell(`echo "init runs" >> ${file}`, { name: 'init' })],
        containers: [main],
      },
    })
    const pod = await pods.untilPhase('anew', 'Succeeded')
    assert.deepEqual(lines(file), ['init runs', 'main runs', 'init runs', 'main runs'])
    assert.equal(statusOf(pod)?.restartCount, 1)
    assert.equal(initStatus(pod, 'init')?.restartCount, 1)
    assert.equal(statusOf(pod)?.lastState?.terminated?.reason, 'RestartingAllContainers')
    assert.equal(conditionOf(pod, 'AllContainersRestarting')?.status, 'False')
  })
})
