// SPDX-License-Identifier: Apache-2.0
//
// `kubectl top` through the real metrics-server, which verifies the node's certificate and has no other
// right on it than to read metrics.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Component } from './component.ts'
import { eventually } from './eventually.ts'
import { startMetricsServer } from './metrics-server/start-metrics-server.ts'
import { Pods, shell } from './pods.ts'
import { startProcessNode } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { isServingVerified } from './serving-certificate.ts'
import { planeKind } from './test-control-plane.ts'
import { useCluster } from './use-cluster.ts'

const SERVING = 'kubernetes.io/kubelet-serving'
const skip = planeKind === 'embedded' ? 'has no aggregation layer' : skipReason

describe('metrics-server', { skip }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)
  let metricsServer: Component

  before(async () => {
    const node = await startProcessNode(cluster(), {
      hasServingCertificate: false,
      args: ['--rotate-server-certificates'],
    })
    await approveServing()
    await eventually(() => isServingVerified(cluster(), node), {
      what: 'the certificate of the cluster on the port',
    })
    metricsServer = await startMetricsServer(cluster())
    const idle = shell('sleep 600; :')
    const resources = { requests: { cpu: '500m' } }
    await pods.create(
      // On a busy machine too it has more than a sleeping one.
      { name: 'busy', spec: { containers: [shell('while :; do :; done', { resources })] } },
      { name: 'idle', spec: { containers: [idle, { ...idle, name: 'other' }] } },
    )
    await pods.untilPhase('busy', 'Running')
    await pods.untilPhase('idle', 'Running')
  })

  after(async () => {
    await metricsServer?.[Symbol.asyncDispose]()
  })

  async function approveServing(): Promise<void> {
    const name = await eventually(
      async () => {
        const output = `jsonpath={.items[?(@.spec.signerName=="${SERVING}")].metadata.name}`
        return (await cluster().kubectl(['get', 'csr', '-o', output])).stdout || undefined
      },
      { what: "the node's request for a serving certificate" },
    )
    await cluster().kubectl(['certificate', 'approve', name])
  }

  /**
   * Until the lines of `kubectl top`, by the word in this column, are as wanted. Figures are of the last ten
   * seconds or so, in which a pod may have begun, or had no core of a busy machine.
   */
  async function untilTop(
    what: readonly string[],
    isWanted: (usage: ReadonlyMap<string, Usage>) => boolean,
    column = 0,
  ): Promise<void> {
    let shown = ''
    try {
      await eventually(
        async () => {
          const args = ['top', ...what, '--no-headers']
          shown = (await cluster().kubectl(args, { allowFailure: true })).stdout
          const rows = shown.trim().split('\n').filter(Boolean)
          const usages = rows.map((row) => [row.trim().split(/\s+/)[column] ?? '', usageOf(row)])
          return metricsServer.hasExited() || isWanted(new Map(usages as [string, Usage][]))
        },
        { what: `kubectl top ${what.join(' ')} to show what is so`, intervalMs: 1000 },
      )
    } catch (cause) {
      throw new Error(`Not in ${metricsServer.logFile}, and kubectl shows:\n${shown}`, { cause })
    }
    assert.equal(metricsServer.hasExited(), false, metricsServer.log())
  }

  test('makes kubectl top show what pods use', async () => {
    await untilTop(['pods'], (usage) => {
      const [busy, idle] = [usage.get('busy'), usage.get('idle')]
      if (!busy || !idle) return false
      const [least, most] = [Math.max(20, 2 * idle.milliCores), 1500]
      const isSmall = [busy, idle].every(({ mebibytes }) => mebibytes < 100)
      return isSmall && idle.milliCores <= 50 && busy.milliCores >= least && busy.milliCores <= most
    })
  })

  test('makes kubectl top show what the node uses', async () => {
    await untilTop(['nodes'], (usage) => {
      const { milliCores = 0, mebibytes = 0 } = usage.get('vk-e2e') ?? {}
      return milliCores >= 20 && mebibytes >= 100
    })
  })

  test('reads the containers of a pod one by one', async () => {
    const isWhole = (usage: ReadonlyMap<string, Usage>) =>
      [...usage.keys()].toSorted().join() === 'main,other'
    await untilTop(['pod', 'idle', '--containers'], isWhole, 1)
  })

  test('finds no fault with the node', () => {
    // It may refuse the API server itself for a moment, until it has read whom to trust. To be slow is no fault.
    const faults = metricsServer
      .log()
      .split('\n')
      .filter(
        (line) => line.includes('Failed to scrape') && !/deadline exceeded|timeout/i.test(line),
      )
    assert.deepEqual(faults, [])
  })
})

interface Usage {
  readonly milliCores: number
  readonly mebibytes: number
}

function usageOf(row: string): Usage {
  const [, milliCores, mebibytes] = /\s(\d+)m\s.*?\s(\d+)Mi/.exec(row) ?? []
  if (milliCores === undefined || mebibytes === undefined) throw new Error(`No usage in "${row}"`)
  return { milliCores: Number(milliCores), mebibytes: Number(mebibytes) }
}
