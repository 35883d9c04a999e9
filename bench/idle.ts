// SPDX-License-Identifier: Apache-2.0
//
// What a node costs that has nothing to do: time until it is Ready, then its requests and its CPU over
// a minute, with no pods and with a thousand that just run.
import { setTimeout as sleep } from 'node:timers/promises'
import { startCluster } from '../test/e2e/cluster.ts'
import type { Cluster } from '../test/e2e/cluster.ts'
import { buildControlPlane } from '../test/e2e/control-plane/build.ts'
import { FOLDER_VARIABLE } from '../test/e2e/requirements.ts'
import { runInNamespace } from '../test/e2e/run-in-namespace.ts'
import { apiWrites, writesSince } from './api-writes.ts'
import { medianOf } from './report.ts'
import { PodLoad } from './pod-load.ts'
import { cpuMs, residentMib } from './process-usage.ts'

const STARTS = 5
const PODS = 1000
const SECONDS = 60

async function main(): Promise<number> {
  buildControlPlane()
  if (!process.env[FOLDER_VARIABLE]) {
    return await runInNamespace([process.execPath, import.meta.filename])
  }
  await using cluster = await startCluster({ controllerManager: false, scheduler: false })
  const seconds: number[] = []
  for (let start = 0; start < STARTS; start++) seconds.push(await secondsToReady(cluster, start))
  console.log(
    `process start to Node Ready: ${medianOf(seconds).toFixed(2)} s (median of ${STARTS})`,
  )
  await using vk = await startNode(cluster, 'idle')
  await observe(cluster, vk.pid, 'no pods')
  await using load = new PodLoad(cluster, { node: 'idle', count: PODS })
  await load.start()
  await load.up()
  await sleep(5000)
  await observe(cluster, vk.pid, `${PODS} pods`)
  await load.down()
  return 0
}

async function startNode(cluster: Cluster, nodeName: string) {
  return await cluster.startVirtualKubelet(['--provider', 'mock'], { nodeName })
}

/** A new node each time, for an old one would still be Ready. */
async function secondsToReady(cluster: Cluster, number: number): Promise<number> {
  const start = performance.now()
  await using _ = await startNode(cluster, `start-${number}`)
  return (performance.now() - start) / 1000
}

async function observe(cluster: Cluster, pid: number, what: string): Promise<void> {
  const before = { writes: await apiWrites(cluster), cpu: cpuMs(pid) }
  await sleep(SECONDS * 1000)
  const writes = writesSince(before.writes, await apiWrites(cluster))
  const cpu = cpuMs(pid) - before.cpu
  const requests = [...writes].map(([kind, count]) => `${kind} ${count}`).join(', ')
  console.log(
    `${what}, ${SECONDS} s: CPU ${cpu} ms, RSS ${residentMib(pid).toFixed(0)} MiB; ${requests}`,
  )
}

process.exitCode = await main()
