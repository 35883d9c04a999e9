// SPDX-License-Identifier: Apache-2.0
//
// virtual-kubelet is killed at random moments of a pod's life with containers of every role, with probes and
// hooks, and started again: the pod comes to the same end as without. On host processes, which outlive
// their node.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Container, Probe } from '../../src/kube/types.gen.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { Pods, shell, statusOf } from './pods.ts'
import { startProcessNode, useSharedFolder } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { scaled } from './scenario-size.ts'
import { useCluster } from './use-cluster.ts'

const KILLS = scaled(5, 2)
/** A life of the pod lasts about so long; the node dies somewhere within. */
const LIFE_MS = 2000
/** Nobody uses it up: not even a busy machine that takes long to start the next life, and a hook in it. */
const GRACE_SECONDS = 100

describe('kill -9 at any moment', { skip: skipReason }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)
  const shared = useSharedFolder()

  test('leads to the same end', async (t) => {
    const seed = Number(process.env['VK_TEST_SEED'] ?? 20_260_101)
    t.diagnostic(`VK_TEST_SEED=${seed}`)
    const random = seededRandom(seed)
    let node = await startProcessNode(cluster(), { nodeIp: cluster().addAddress() })
    for (let round = 0; round < KILLS; round++) {
      const name = `life-${round}`
      const file = `${shared()}/${name}`
      const life = {
        restartPolicy: 'OnFailure',
        terminationGracePeriodSeconds: GRACE_SECONDS,
      } as const
      await pods.create({ name, spec: { ...life, ...lifeSpec(file) } })
      await sleep(random(LIFE_MS))
      node.kill('SIGKILL')
      await node.exited
      node = await startProcessNode(cluster(), { nodeIp: node.nodeIp })
      const pod = await pods.untilPhase(name, 'Succeeded')
      const all = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []
      // Hooks that were interrupted are run again.
      const lines = all.filter((line) => !line.startsWith('hook'))
      assert(all.indexOf('hook before the stop') < all.indexOf('side ends'), all.join(', '))
      assert(all.includes('hook before the stop'), all.join(', '))
      assert.deepEqual(lines, ['one', 'side', 'two', 'main fails', 'main', 'side ends'], name)
      assert.equal(statusOf(pod)?.restartCount, 1)
      assert.equal(statusOf(pod)?.lastState?.terminated?.exitCode, 1)
      for (const status of pod.status?.initContainerStatuses ?? []) {
        assert.equal(status.restartCount, 0, `${name}: ${status.name}`)
      }
    }
  })
})

/** A busy machine may take long over a command; that is not what is tried here. */
const timeoutSeconds = 100

/** Two steps around a sidecar that takes a moment to start, and a container that fails once. */
function lifeSpec(file: string): {
  readonly initContainers: readonly Container[]
  readonly containers: readonly Container[]
} {
  const note = (line: string): string => `echo "${line}" >> ${file}`
  const command = (script: string) => ({ exec: { command: ['sh', '-c', script] } })
  const probe = (script: string): Probe => ({
    ...command(script),
    periodSeconds: 1,
    timeoutSeconds,
  })
  const step = (name: string): Container => shell(`sleep 0.3; ${note(name)}`, { name })
  const side = `trap '${note('side ends')}; exit 0' TERM; ${note('side')}; while :; do sleep 0.1; done`
  const main = `sleep 0.3; grep -q "main fails" ${file} && { ${note('main')}; exit 0; }; ${note('main fails')}; exit 1`
  return {
    initContainers: [
      step('one'),
      shell(side, {
        name: 'side',
        restartPolicy: 'Always',
        startupProbe: { ...probe(`grep -q side ${file}`), failureThreshold: 100 },
        livenessProbe: probe('true'),
        lifecycle: { preStop: command(note('hook before the stop')) },
      }),
      step('two'),
    ],
    containers: [
      shell(main, {
        readinessProbe: probe('true'),
        livenessProbe: probe('true'),
        lifecycle: { postStart: command(note('hook after the start')) },
      }),
    ],
  }
}
