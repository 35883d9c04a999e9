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
import { planeKind } from './test-control-plane.ts'
import { useCluster } from './use-cluster.ts'

const SERVING = 'kubernetes.io/kubelet-serving'
const skip = planeKind === 'embedded' ? 'has no aggregation layer' : skipReason

describe('metrics-server', { skip }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)
  let metricsServer: Component

  before(async () => {
    await startProcessNode(cluster(), {
      hasServingCertificate: false,
      args: ['--rotate-server-certificates'],
    })
    await approveServing()
    metricsServer = await startMetricsServer(cluster())
    const idle = shell('sleep 600; :')
    await pods.create(
      { name: 'busy', spec: { containers: [shell('while :; do :; done')] } },
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

  /** The lines of `kubectl top`, by their first words; tried until there are so many. */
  async function top(what: readonly string[], count: number): Promise<ReadonlyMap<string, Usage>> {
    const rows = await eventually(
      async () => {
        if (metricsServer.hasExited()) return []
        const args = ['top', ...what, '--no-headers']
        const { stdout } = await cluster().kubectl(args, { allowFailure: true })
        const lines = stdout.trim().split('\n').filter(Boolean)
        return lines.length >= count && lines
      },
      {
        what: `kubectl top ${what.join(' ')} to show ${count} lines; see ${metricsServer.logFile}`,
        timeoutMs: 90_000,
        intervalMs: 1000,
      },
    )
    return new Map(rows.map((row) => [row.trim().split(/\s+/)[0] ?? '', usageOf(row)]))
  }

  test('makes kubectl top show what pods use', async () => {
    const usage = await top(['pods'], 2)
    const [busy, idle] = [usage.get('busy'), usage.get('idle')]
    assert.ok(busy && idle, JSON.stringify([...usage]))
    // How much of a core there is to be had depends on what else the machine does.
    const [least, most] = [Math.max(20, 2 * idle.milliCores), 1500]
    assert.ok(busy.milliCores >= least && busy.milliCores <= most, `busy: ${busy.milliCores}m`)
    assert.ok(idle.milliCores <= 50, `idle: ${idle.milliCores}m`)
    for (const { mebibytes } of [busy, idle]) assert.ok(mebibytes < 100, `${mebibytes} MiB`)
  })

  test('makes kubectl top show what the node uses', async () => {
    const node = (await top(['nodes'], 1)).get('vk-e2e')
    assert.ok(node && node.milliCores >= 20 && node.mebibytes >= 100, JSON.stringify(node))
  })

  test('reads the containers of a pod one by one', async () => {
    const args = ['top', 'pod', 'idle', '--containers', '--no-headers']
    const { stdout } = await cluster().kubectl(args)
    const names: readonly (string | undefined)[] = stdout
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/)[1])
    assert.deepEqual(new Set(names), new Set(['main', 'other']))
  })

  test('finds no fault with the node', () => {
    // It may refuse the API server itself for a moment, until it has read whom to trust.
    assert.doesNotMatch(metricsServer.log(), /Failed to scrape/)
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
