// SPDX-License-Identifier: Apache-2.0
//
// A gigabyte through one exec, both ways at the same time, by Kubernetes' own client library: every byte
// arrives, and the node holds no more than a bounded part of it.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { before, describe, test } from 'node:test'
import { startComponent } from './component.ts'
import { Pods, shell } from './pods.ts'
import { startProcessNode } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { isQuick } from './scenario-size.ts'
import { buildStreamsClient, streamsSkipReason } from './streams/build.ts'
import { useCluster } from './use-cluster.ts'
import type { VirtualKubelet } from './virtual-kubelet.ts'

const megabytes = 1000
const tooLong = isQuick && 'moves gigabytes: not in a quick run'
/** Buffers of streams, sockets and pipes, and what V8 takes before it collects; none of it grows with the amount. */
const maxGrowthMib = 128

describe('an exec of a gigabyte', { skip: skipReason || streamsSkipReason() || tooLong }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)
  let node: VirtualKubelet

  before(async () => {
    node = await startProcessNode(cluster())
    await pods.create({ name: 'box', spec: { containers: [shell('sleep 100000')] } })
    await pods.untilPhase('box', 'Running')
  })

  for (const executor of ['websocket', 'spdy']) {
    test(`over ${executor} comes back whole, in bounded memory`, async (t) => {
      const beforeMib = memoryMib(node.pid, 'VmRSS')
      forgetPeak(node.pid)
      await using client = await startComponent({
        name: `large stream ${executor}`,
        command: buildStreamsClient(),
        args: [
          `-kubeconfig=${cluster().kubeconfig}`,
          `-executor=${executor}`,
          `-megabytes=${megabytes}`,
        ],
        logFile: cluster().files.logFile(`large-${executor}`),
      })
      await client.exited
      assert.match(client.log(), /^PASS \d+ MB into a command and out of it$/m)
      const growthMib = memoryMib(node.pid, 'VmHWM') - beforeMib
      t.diagnostic(`${Math.round(growthMib)} MiB more at its peak`)
      assert.ok(growthMib < maxGrowthMib, `${growthMib} MiB more for ${megabytes} MB`)
    })
  }
})

/** Resident memory: now, or the most that it ever was. */
function memoryMib(pid: number, name: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1024
}

/** The peak is what it is now. */
function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}
