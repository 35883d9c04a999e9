// SPDX-License-Identifier: Apache-2.0
//
// When containers start, start again and stop for good: restart policies, back-off, deadlines. On host
// processes.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { eventually } from './eventually.ts'
import { kubectlSkipReason } from './find-kubectl.ts'
import { uniqueSleep, untilNoneHas } from './host-processes.ts'
import { conditionOf, Pods, shell, stateOf, statusOf } from './pods.ts'
import { startProcessNode, useSharedFolder } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { useCluster } from './use-cluster.ts'

describe('containers', { skip: skipReason }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)
  const shared = useSharedFolder()

  before(async () => {
    await startProcessNode(cluster())
  })

  test('that crash are started again, at once and then with CrashLoopBackOff', async () => {
    const script = 'echo "run $$$$"; exit 3'
    await pods.create({ name: 'crashing', spec: { containers: [shell(script)] } })
    const pod = await pods.until(
      'crashing',
      (pod) => stateOf(pod)?.waiting?.reason === 'CrashLoopBackOff',
      { what: 'wait with CrashLoopBackOff' },
    )
    assert.equal(pod.status?.phase, 'Running')
    assert.ok((statusOf(pod)?.restartCount ?? 0) >= 1)
    assert.equal(statusOf(pod)?.lastState?.terminated?.exitCode, 3)
    assert.equal(statusOf(pod)?.lastState?.terminated?.reason, 'Error')
    assert.match(stateOf(pod)?.waiting?.message ?? '', /back-off \d+s restarting failed container/)
    assert.equal(conditionOf(pod, 'Ready')?.status, 'False')
    assert.match(await pods.logs('crashing', { previous: true }), /^run \d+\n$/)
    await pods.untilEvent('crashing', 'BackOff')
  })

  test('that crash are shown so by kubectl', { skip: kubectlSkipReason }, async () => {
    // Between two tries it is CrashLoopBackOff, for a moment Running or Error.
    await eventually(
      async () => {
        const { stdout } = await cluster().kubectl(['get', 'pod', 'crashing', '--no-headers'])
        return /^crashing +0\/1 +CrashLoopBackOff +\d+ /.test(stdout)
      },
      { what: 'kubectl to show CrashLoopBackOff' },
    )
  })

  test('that crash can be deleted between two tries', async () => {
    await pods.end('crashing')
  })

  test('that succeed under OnFailure are left alone', async () => {
    const flag = `${shared()}/second-try`
    const script = `if [ -e ${flag} ]; then echo second; else touch ${flag}; exit 1; fi`
    await pods.create({
      name: 'second-try',
      spec: { restartPolicy: 'OnFailure', containers: [shell(script)] },
    })
    const pod = await pods.untilPhase('second-try', 'Succeeded')
    assert.equal(statusOf(pod)?.restartCount, 1)
    assert.equal(stateOf(pod)?.terminated?.reason, 'Completed')
    assert.equal(conditionOf(pod, 'Ready')?.reason, 'PodCompleted')
  })

  test('of one pod run together, and it ends with the last of them', async () => {
    await pods.create({
      name: 'pair',
      spec: {
        restartPolicy: 'Never',
        containers: [
          shell('echo from one', { name: 'one' }),
          shell('sleep 1; echo from two; exit 2', { name: 'two' }),
        ],
      },
    })
    const pod = await pods.untilPhase('pair', 'Failed')
    assert.equal(stateOf(pod, 'one')?.terminated?.exitCode, 0)
    assert.equal(stateOf(pod, 'two')?.terminated?.exitCode, 2)
    assert.equal(await pods.logs('pair', { container: 'two' }), 'from two\n')
  })

  test('are stopped when their pod is past its deadline', async () => {
    const seconds = uniqueSleep()
    await pods.create({
      name: 'late',
      spec: {
        activeDeadlineSeconds: 2,
        restartPolicy: 'Never',
        terminationGracePeriodSeconds: 1,
        containers: [shell(`sleep ${seconds}; :`)],
      },
    })
    const pod = await pods.untilPhase('late', 'Failed')
    assert.equal(pod.status?.reason, 'DeadlineExceeded')
    assert.match(pod.status?.message ?? '', /active on the node longer than the specified deadline/)
    await untilNoneHas(seconds)
  })

  test('that cannot be started say why', async () => {
    const command = ['/nonexistent/program']
    await pods.create({ name: 'absent', spec: { containers: [shell('', { command })] } })
    const pod = await pods.until(
      'absent',
      (pod) => stateOf(pod)?.waiting?.message ?? stateOf(pod)?.terminated?.message,
      { what: 'say why it does not run' },
    )
    assert.match(JSON.stringify(pod.status?.containerStatuses), /nonexistent/)
  })
})
