// SPDX-License-Identifier: Apache-2.0
//
// How pods end when somebody deletes them: with grace, when the grace is over, by force, and to make
// room for another of the same name. On host processes, where it can be seen what is left.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { eventually } from './eventually.ts'
import { pidsWithArgument, uniqueSleep, untilNoneHas } from './host-processes.ts'
import { watchPod } from './pod-watch.ts'
import { Pods, shell, stateOf } from './pods.ts'
import { startProcessNode, useSharedFolder } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { useCluster } from './use-cluster.ts'

/** Longer than these tests wait for anything: who waits for it has waited for the wrong thing. */
const LONG_GRACE = 600

const hasNoControlGroups =
  process.getuid?.() !== 0 && 'needs root: without a control group such a child is not found'

describe('deleting a pod', { skip: skipReason }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)
  const shared = useSharedFolder()

  before(async () => {
    await startProcessNode(cluster())
  })

  async function running(name: string, script: string, grace: number): Promise<void> {
    await pods.create({
      name,
      spec: { terminationGracePeriodSeconds: grace, containers: [shell(script)] },
    })
    await pods.untilLogged(name, /ready/)
  }

  test('lets it end by itself on TERM, and removes it as soon as it has', async () => {
    const script = 'trap "sleep 1; echo bye; exit 7" TERM; echo ready; while :; do sleep 0.1; done'
    await running('trapper', script, LONG_GRACE)
    using watch = await watchPod(cluster(), 'trapper')
    await pods.end('trapper')
    const last = await watch.until((pod) => pod.status?.phase === 'Failed', 'be Failed')
    assert.equal(stateOf(last)?.terminated?.exitCode, 7)
    assert.ok(last.metadata.deletionTimestamp)
  })

  test('shows Succeeded when it ended with 0, although it would have been restarted', async () => {
    const script = 'trap "exit 0" TERM; echo ready; while :; do sleep 0.1; done'
    await running('polite', script, LONG_GRACE)
    using watch = await watchPod(cluster(), 'polite')
    await pods.end('polite')
    const last = await watch.until((pod) => pod.status?.phase === 'Succeeded', 'be Succeeded')
    assert.equal(stateOf(last)?.terminated?.exitCode, 0)
    assert.equal(last.status?.conditions?.find((c) => c.type === 'Ready')?.status, 'False')
  })

  test('kills it when it is still there after its grace', async () => {
    const script = 'trap "" TERM; echo ready; while :; do sleep 0.1; done'
    await running('deaf', script, 3)
    using watch = await watchPod(cluster(), 'deaf')
    const start = performance.now()
    await pods.end('deaf')
    const seconds = (performance.now() - start) / 1000
    assert.ok(seconds >= 2.9, `it took ${seconds} s`)
    const last = await watch.until((pod) => stateOf(pod)?.terminated, 'have ended')
    assert.equal(stateOf(last)?.terminated?.exitCode, 137)
  })

  test('a second, shorter grace ends the waiting of the first', async () => {
    await running('patient', 'trap "" TERM; echo ready; while :; do sleep 0.1; done', LONG_GRACE)
    await pods.delete('patient')
    await pods.end('patient', { gracePeriodSeconds: 1 })
  })

  async function assertTakesAlong(name: string, child: (seconds: string) => string) {
    const seconds = uniqueSleep()
    const script = `sleep ${seconds} & ${child(seconds)} echo ready; wait`
    await running(name, script, 2)
    await eventually(() => pidsWithArgument(seconds).length === 2, { what: 'both to sleep' })
    await pods.end(name)
    await untilNoneHas(seconds)
  }

  test('takes the children of its processes along', async () => {
    await assertTakesAlong('parent', (seconds) => `(sleep ${seconds} &) ;`)
  })

  test('takes along even children that have left', { skip: hasNoControlGroups }, async () => {
    await assertTakesAlong('abandoned', (seconds) => `(setsid sleep ${seconds} &) ;`)
  })

  test('by force removes it from the API at once and leaves nothing running', async () => {
    const seconds = uniqueSleep()
    const script = `trap "" TERM; echo ready; sleep ${seconds}; sleep ${seconds}`
    await running('stubborn', script, LONG_GRACE)
    await eventually(() => pidsWithArgument(seconds).length === 1, { what: 'it to sleep' })
    await pods.delete('stubborn', { gracePeriodSeconds: 0 })
    await pods.untilGone('stubborn')
    await untilNoneHas(seconds)
  })

  test('makes room for another of the same name, which starts when the first has ended', async () => {
    // The shell itself has this argument, and lasts until it is killed.
    const mark = uniqueSleep()
    const script = 'trap "" TERM; echo ready; while :; do sleep 0.1; done'
    const containers = [shell(script, { args: [mark] })]
    await pods.create({
      name: 'twin',
      spec: { terminationGracePeriodSeconds: LONG_GRACE, containers },
    })
    await pods.untilLogged('twin', /ready/)
    assert.notDeepEqual(pidsWithArgument(mark), [])
    await pods.delete('twin', { gracePeriodSeconds: 0 })
    await pods.untilGone('twin')
    const begun = join(shared(), 'begun')
    const second = shell(`touch ${begun}; echo done`)
    await pods.create({ name: 'twin', spec: { restartPolicy: 'Never', containers: [second] } })
    await eventually(() => existsSync(begun), { what: 'the second to start', intervalMs: 5 })
    assert.deepEqual(pidsWithArgument(mark), [])
    await pods.untilPhase('twin', 'Succeeded')
    assert.equal(await pods.logs('twin'), 'done\n')
  })

  test('that has finished already needs no grace', async () => {
    await pods.create({
      name: 'finished',
      spec: {
        restartPolicy: 'Never',
        terminationGracePeriodSeconds: LONG_GRACE,
        containers: [shell('true')],
      },
    })
    await pods.untilPhase('finished', 'Succeeded')
    await pods.end('finished')
  })
})
