// SPDX-License-Identifier: Apache-2.0
//
// virtual-kubelet dies without a warning, at the worst of moments, and is started again. Nothing may
// be lost, started twice or left behind. On host processes, which outlive it.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from './eventually.ts'
import { pidsWithArgument, uniqueSleep, untilNoneHas } from './host-processes.ts'
import { Pods, shell, stateOf, statusOf } from './pods.ts'
import type { PodManifest } from './pods.ts'
import { startProcessNode, useSharedFolder } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { scaled } from './scenario-size.ts'
import { useCluster } from './use-cluster.ts'
import type { VirtualKubelet } from './virtual-kubelet.ts'

const MANY = scaled(20, 8)
const LINES = scaled(200, 60)
const CRASHES = scaled(3, 2)

describe('after kill -9', { skip: skipReason }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)
  const shared = useSharedFolder()
  let node: VirtualKubelet

  before(async () => {
    node = await startProcessNode(cluster())
  })

  afterEach(async () => {
    if (node.hasExited()) await startAgain()
    await pods.deleteAll()
  })

  async function crash(): Promise<void> {
    node.kill('SIGKILL')
    await node.exited
  }

  async function startAgain(): Promise<void> {
    node = await startProcessNode(cluster(), { nodeIp: node.nodeIp })
  }

  const once = (name: string, script: string): PodManifest => ({
    name,
    spec: { restartPolicy: 'Never', containers: [shell(script)] },
  })

  test('running pods run on: the same process, no restart, no lost line', async () => {
    const count = 'echo "pid $$$$"; i=0; while :; do i=$((i+1)); echo "line $i"; sleep 0.02; done'
    await pods.create({ name: 'counter', spec: { containers: [shell(count)] } })
    const [, pid] = await pods.untilLogged('counter', /^pid (\d+)$/m)
    const before = await pods.untilPhase('counter', 'Running')
    const reached = Number((await pods.untilLogged('counter', /line (\d+)\n$/))[1])
    await crash()
    await sleep(scaled(2000, 500))
    await startAgain()
    await pods.untilLogged('counter', new RegExp(`^line ${reached + LINES}$`, 'm'))
    const after = await pods.get('counter')
    assert.equal(statusOf(after)?.restartCount, 0)
    assert.equal(statusOf(after)?.containerID, statusOf(before)?.containerID)
    assert.equal(stateOf(after)?.running?.startedAt, stateOf(before)?.running?.startedAt)
    const output = await pods.logs('counter')
    assert.deepEqual(output.match(/^pid .*$/gm), [`pid ${pid}`])
    const lines = [...output.matchAll(/^line (\d+)$/gm)].map(([, number]) => Number(number))
    assert.deepEqual(
      lines,
      lines.map((_, index) => index + 1),
    )
  })

  test('a pod that ended meanwhile has its exit code and its output', async () => {
    const go = join(shared(), 'go')
    // Ends when it may; a second run lasts. The shells have an argument to be found by.
    const mark = uniqueSleep()
    const ending = (code: number) => {
      const first = `echo started; until [ -e ${go} ]; do sleep 0.1; done; echo "exit ${code}"`
      return [
        shell(`if [ -e ${go} ]; then sleep 600; fi; ${first}; exit ${code}`, { args: [mark] }),
      ]
    }
    await pods.create(
      { name: 'good', spec: { restartPolicy: 'Never', containers: ending(0) } },
      { name: 'bad', spec: { restartPolicy: 'Never', containers: ending(5) } },
      { name: 'restarting', spec: { restartPolicy: 'OnFailure', containers: ending(6) } },
    )
    for (const name of ['good', 'bad', 'restarting']) await pods.untilLogged(name, /started/)
    await crash()
    writeFileSync(go, '')
    await untilNoneHas(mark)
    await startAgain()
    await pods.untilPhase('good', 'Succeeded')
    const bad = await pods.untilPhase('bad', 'Failed')
    assert.equal(stateOf(bad)?.terminated?.exitCode, 5)
    assert.equal(await pods.logs('bad'), 'started\nexit 5\n')
    const again = await pods.until('restarting', (pod) => statusOf(pod)?.restartCount === 1, {
      what: 'be restarted once',
    })
    assert.equal(statusOf(again)?.lastState?.terminated?.exitCode, 6)
    assert.equal(await pods.logs('restarting', { previous: true }), 'started\nexit 6\n')
  })

  test('pods that were just being created run, and none of them twice', async () => {
    const file = join(shared(), 'runs')
    const names = Array.from(Array(MANY).keys(), (index) => `new-${index}`)
    const script = (name: string) => `echo ${name} >> ${file}; sleep 2; echo done`
    const created = pods.create(...names.map((name) => once(name, script(name))))
    await eventually(() => existsSync(file), { what: 'the first pod to run', intervalMs: 5 })
    await crash()
    await created
    await startAgain()
    for (const name of names) await pods.untilPhase(name, 'Succeeded')
    const runs = readFileSync(file, 'utf8').trim().split('\n').toSorted()
    assert.deepEqual(runs, names.toSorted())
  })

  test('pods that were just being deleted are gone, and so are their processes', async () => {
    const seconds = uniqueSleep()
    const script = `trap "sleep 1; exit 0" TERM; sleep ${seconds} & echo ready; while :; do sleep 0.1; done`
    const names = Array.from(Array(MANY).keys(), (index) => `old-${index}`)
    await pods.create(
      ...names.map((name) => ({
        name,
        spec: { terminationGracePeriodSeconds: 20, containers: [shell(script)] },
      })),
    )
    for (const name of names) await pods.untilPhase(name, 'Running')
    await eventually(() => pidsWithArgument(seconds).length === MANY, { what: 'all to sleep' })
    await cluster().delete('/api/v1/namespaces/default/pods')
    await sleep(300)
    await crash()
    await startAgain()
    await eventually(async () => (await pods.list()).length === 0, { what: 'all to be gone' })
    await untilNoneHas(seconds)
  })

  test('a pod that was removed by force while nobody looked is stopped', async () => {
    const seconds = uniqueSleep()
    await pods.create({ name: 'removed', spec: { containers: [shell(`sleep ${seconds}; :`)] } })
    await pods.untilPhase('removed', 'Running')
    await crash()
    await pods.delete('removed', { gracePeriodSeconds: 0 })
    await pods.untilGone('removed')
    await eventually(() => pidsWithArgument(seconds).length > 0, { what: 'its process to be left' })
    await startAgain()
    await untilNoneHas(seconds)
  })

  test('many crashes in a row do not wear a pod out', async () => {
    await pods.create({
      name: 'tough',
      spec: { containers: [shell('echo "pid $$$$"; sleep 600; :')] },
    })
    const before = await pods.untilPhase('tough', 'Running')
    for (let round = 0; round < CRASHES; round++) {
      await crash()
      await startAgain()
    }
    await pods.untilLogged('tough', /pid/)
    const after = await pods.get('tough')
    assert.equal(statusOf(after)?.containerID, statusOf(before)?.containerID)
    assert.equal(statusOf(after)?.restartCount, 0)
    assert.equal((await pods.logs('tough')).match(/pid/g)?.length, 1)
  })
})
