// SPDX-License-Identifier: Apache-2.0
//
// The API server goes away and comes back, with or without a memory of what happened. Pods do not
// notice; afterwards the API says of each what is true.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PodSpec } from '../../src/kube/types.gen.ts'
import { eventually } from './eventually.ts'
import { uniqueSleep, untilNoneHas } from './host-processes.ts'
import { Pods, shell, stateOf, statusOf } from './pods.ts'
import type { PodManifest } from './pods.ts'
import { startProcessNode } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { scaled } from './scenario-size.ts'
import { useCluster } from './use-cluster.ts'
import type { VirtualKubelet } from './virtual-kubelet.ts'

const OUTAGE_MS = scaled(5000, 2500)
/** How long pods run on that end during the outage. */
const SECONDS = scaled(2, 1)
const LINES = scaled(400, 150)

describe('when the API server goes away', { skip: skipReason }, () => {
  const cluster = useCluster({ inProcess: false })
  const pods = new Pods(cluster)
  let node: VirtualKubelet

  before(async () => {
    node = await startProcessNode(cluster())
  })

  // Bound from the beginning: the scheduler takes its own time to find the API server again.
  const bound = (name: string, spec: Partial<PodSpec>): PodManifest => ({
    name,
    spec: { nodeName: node.nodeName, ...spec },
  })
  const once = (name: string, script: string): PodManifest =>
    bound(name, { restartPolicy: 'Never', containers: [shell(script)] })
  const always = (name: string, script: string): PodManifest =>
    bound(name, { containers: [shell(script)] })

  async function runs(name: string): Promise<void> {
    await pods.create(once(name, 'echo hello'))
    await pods.untilPhase(name, 'Succeeded')
  }

  test('pods run on, and one that ended meanwhile is reported', async () => {
    const count = `i=0; while [ $i -lt ${LINES} ]; do i=$((i+1)); echo "line $i"; sleep 0.02; done`
    await pods.create(
      once('short', `echo started; sleep ${SECONDS}; exit 9`),
      once('long', count),
      always('looping', `echo started; sleep ${SECONDS}; exit 1`),
    )
    await Promise.all(['short', 'long', 'looping'].map((name) => pods.untilLogged(name, /./)))
    await cluster().killApiServer()
    await sleep(OUTAGE_MS)
    await cluster().startApiServer()
    const short = await pods.untilPhase('short', 'Failed')
    assert.equal(stateOf(short)?.terminated?.exitCode, 9)
    await pods.untilPhase('long', 'Succeeded')
    assert.equal((await pods.logs('long')).trimEnd().split('\n').length, LINES)
    const looping = await pods.until('looping', (pod) => statusOf(pod)?.restartCount, {
      what: 'be restarted',
    })
    assert.equal(statusOf(looping)?.lastState?.terminated?.exitCode, 1)
    assert.equal(node.hasExited(), false)
    await runs('afterwards')
    await pods.deleteAll()
  })

  test('the node notices by itself that it is back', async () => {
    await cluster().killApiServer()
    await sleep(scaled(3000, 1500))
    await cluster().startApiServer()
    await pods.create(once('prompt', 'echo hello'))
    await pods.untilPhase('prompt', 'Succeeded')
  })

  test('watches whose history is gone are begun anew', async () => {
    await pods.create(always('steady', 'sleep 600; :'))
    const before = await pods.untilPhase('steady', 'Running')
    await cluster().expireWatches()
    await runs('after-410')
    const after = await pods.get('steady')
    assert.equal(statusOf(after)?.containerID, statusOf(before)?.containerID)
    assert.equal(statusOf(after)?.restartCount, 0)
    await pods.deleteAll()
  })

  test('what happened while nobody could watch is found by listing', async () => {
    const seconds = uniqueSleep()
    await pods.create(always('vanishing', `sleep ${seconds}; :`))
    await pods.untilPhase('vanishing', 'Running')
    node.kill('SIGSTOP')
    await pods.delete('vanishing', { gracePeriodSeconds: 0 })
    await pods.untilGone('vanishing')
    await pods.create(once('unseen', 'echo seen'))
    await cluster().expireWatches()
    node.kill('SIGCONT')
    await untilNoneHas(seconds)
    await pods.untilPhase('unseen', 'Succeeded')
  })

  test('a stopped virtual-kubelet makes its node Unknown at most; afterwards it is Ready again', async () => {
    await pods.create(always('waiting', 'sleep 600; :'))
    await pods.untilPhase('waiting', 'Running')
    node.kill('SIGSTOP')
    // What the node lifecycle controller does when heartbeats stop, without its 50 s of patience.
    await mark(`/api/v1/nodes/${node.nodeName}/status`, 'Unknown')
    await mark('/api/v1/namespaces/default/pods/waiting/status', 'False')
    node.kill('SIGCONT')
    const isReady = async (path: string) => {
      const { status } = await cluster().api<{ status: { conditions: ReadyCondition[] } }>(
        'GET',
        path,
      )
      return status.conditions.some((c) => c.type === 'Ready' && c.status === 'True')
    }
    await eventually(() => isReady(`/api/v1/nodes/${node.nodeName}`), { what: 'the node: Ready' })
    await eventually(() => isReady('/api/v1/namespaces/default/pods/waiting'), {
      what: 'the pod: Ready',
    })
  })

  async function mark(path: string, status: string): Promise<void> {
    const now = new Date().toISOString().replace(/\.\d+/, '')
    const condition = {
      type: 'Ready',
      status,
      reason: 'NodeStatusUnknown',
      lastTransitionTime: now,
    }
    await cluster().api('PATCH', path, {
      contentType: 'application/strategic-merge-patch+json',
      body: { status: { conditions: [condition] } },
    })
  }
})

interface ReadyCondition {
  readonly type: string
  readonly status: string
}
