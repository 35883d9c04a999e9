// SPDX-License-Identifier: Apache-2.0
//
// What probes cost on the process provider, with the embedded control plane in another process: how long pods of
// two containers take from bound to Ready, beside a loop that does the same with bare processes, and what
// virtual-kubelet's own process uses while they run and are probed.
import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import { join } from 'node:path'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { startCluster, type Cluster } from '../../test/e2e/cluster.ts'
import { FOLDER_VARIABLE } from '../../test/e2e/requirements.ts'
import { runWithFolder } from '../../test/e2e/run-in-namespace.ts'
import { PLANE_VARIABLE } from '../../test/e2e/test-control-plane.ts'
import { percentile } from '../measure.ts'
import { cpuMs, familyCpuMs, residentMib } from '../process-usage.ts'
import { bareCommands, bareReady } from './bare-loop.ts'
import { PodWaves } from './pod-waves.ts'

const { values } = parseArgs({
  options: {
    pods: { type: 'string', default: '500' },
    /** Pods that are on their way to Ready at the same time. */
    concurrency: { type: 'string', default: '4' },
    /** How long the costs of running pods are measured. */
    seconds: { type: 'string', default: '60' },
    /** How long the node has been up before its first pod. */
    warmup: { type: 'string', default: '30' },
    parts: { type: 'string', default: 'none,http,exec' },
    /** Of the process provider. */
    isolation: { type: 'string', default: 'auto' },
    /** The same; on a machine that is busy with other things name a group that has priority over them. */
    'cgroup-root': { type: 'string' },
    /** A folder for CPU profiles of virtual-kubelet; they hold what it did from its start on. */
    profile: { type: 'string' },
  },
})
/** The head of a list with a limit. */
interface List {
  readonly metadata: { readonly remainingItemCount?: number }
}

const pods = Number(values.pods)
const concurrency = Number(values.concurrency)
const seconds = Number(values.seconds)
const containersPerPod = 2
const periodSeconds = 10
const program = ['/bin/sleep', '86400']
/** How much later than a bare spawn and GET a pod may be ready. */
const allowedMs = 50

async function main(): Promise<number> {
  if (!process.env[FOLDER_VARIABLE]) {
    process.env[PLANE_VARIABLE] = 'embedded'
    const command = [process.execPath, import.meta.filename, ...process.argv.slice(2)]
    return await runWithFolder(command, {})
  }
  const server = createServer((_, response) => response.end('ok')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const parts = values.parts.split(',')
  await using cluster = await startCluster({ scheduler: false })
  if (parts.includes('none')) await measureNone(cluster)
  if (parts.includes('http')) await measureHttp(cluster, server)
  if (parts.includes('exec')) await measureExec(cluster)
  server.close()
  return 0
}

/** What running pods cost that nobody asks. */
async function measureNone(cluster: Cluster): Promise<void> {
  await using vk = await startNode(cluster, 'none')
  await using waves = new PodWaves(cluster, {
    node: 'none',
    concurrency,
    spec: specWith(undefined),
  })
  print('pods without probes, bound to Ready', await waves.up(pods))
  await quiet(cluster)
  console.log(`no probes: ${share(await usedOver(() => cpuMs(vk.pid)))} of one core`)
}

async function measureHttp(cluster: Cluster, server: Server): Promise<void> {
  const { port } = server.address() as AddressInfo
  const bare = await bareReady(program, { port, pods, concurrency, containersPerPod })
  print(`bare spawn and GET, ${concurrency} at a time`, bare)
  const httpGet = { host: '127.0.0.1', port, path: '/healthz' }
  await using vk = await startNode(cluster, 'http')
  const before = residentMib(vk.pid)
  const startCpuMs = cpuMs(vk.pid)
  await using waves = new PodWaves(cluster, {
    node: 'http',
    concurrency,
    spec: specWith({ httpGet }),
  })
  // What is loaded, compiled and pooled with the first pods is there once.
  const first = Math.ceil(pods / 5)
  const ready = [...(await waves.up(first))]
  await quiet(cluster)
  const some = residentMib(vk.pid)
  ready.push(...(await waves.up(pods - first)))
  print(
    'pods, bound to Ready',
    ready.sort((one, other) => one - other),
    bare,
  )
  const cpuPerPodMs = (cpuMs(vk.pid) - startCpuMs) / pods
  console.log(`CPU of virtual-kubelet: ${cpuPerPodMs.toFixed(1)} ms for each pod up`)
  await quiet(cluster)
  const used = await usedOver(() => cpuMs(vk.pid))
  const rate = (pods * containersPerPod) / periodSeconds
  console.log(
    `httpGet every ${periodSeconds} s, ${rate} probes/s: ` +
      `${share(used)} of one core, ` +
      `${(used / (rate * seconds)).toFixed(2)} ms for each probe`,
  )
  const all = residentMib(vk.pid)
  const kib = ((all - some) * 1024) / (pods - first)
  console.log(
    `memory of virtual-kubelet: ${before.toFixed(0)} MiB without pods, ${some.toFixed(0)} with ${first}, ` +
      `${all.toFixed(0)} with ${pods}: ${kib.toFixed(0)} KiB for each more`,
  )
}

async function measureExec(cluster: Cluster): Promise<void> {
  const rate = (pods * containersPerPod) / periodSeconds
  const bareMs = await bareCommands(['/bin/true'], { perSecond: rate, seconds })
  await using vk = await startNode(cluster, 'exec')
  const exec = { command: ['/bin/true'] }
  await using waves = new PodWaves(cluster, { node: 'exec', concurrency, spec: specWith({ exec }) })
  print('pods with exec probes, bound to Ready', await waves.up(pods))
  await quiet(cluster)
  const used = await usedOver(() => familyCpuMs(vk.pid))
  const each = (ms: number): string => `${(ms / (rate * seconds)).toFixed(2)} ms`
  console.log(
    `exec every ${periodSeconds} s, ${rate} probes/s, with children: ${each(used)} for each probe, ` +
      `${each(bareMs)} for a bare spawn (ratio ${(used / bareMs).toFixed(2)})`,
  )
}

/** Events of starts are written 50 a second: not what running pods cost. Resolves when no more of them come. */
async function quiet(cluster: Cluster): Promise<void> {
  for (let known = -1; ;) {
    const { metadata } = await cluster.api<List>('GET', '/api/v1/events?limit=1')
    const { remainingItemCount = 0 } = metadata
    if (remainingItemCount === known) return
    known = remainingItemCount
    await sleep(5000)
  }
}

async function startNode(cluster: Cluster, nodeName: string) {
  const config = join(cluster.files.folder, `${nodeName}.json`)
  writeFileSync(
    config,
    JSON.stringify({
      isolation: values.isolation,
      ...(values['cgroup-root'] && { cgroupRoot: values['cgroup-root'] }),
      capacity: { pods: String(pods * 2) },
    }),
  )
  const profiling = values.profile ? ['--cpu-prof', `--cpu-prof-dir=${values.profile}`] : []
  const main = join(import.meta.dirname, '../../src/cli/main.ts')
  const vk = await cluster.startVirtualKubelet(
    ['--provider', 'process', '--provider-config', config],
    { nodeName, command: [process.execPath, ...profiling, main, 'start'] },
  )
  await sleep(Number(values.warmup) * 1000)
  return vk
}

function specWith(probe: object | undefined): object {
  const readinessProbe = probe && { ...probe, periodSeconds }
  const container = { image: 'host', command: program, readinessProbe }
  return {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: 1,
    containers: ['one', 'two'].map((name) => ({ name, ...container })),
  }
}

function share(usedMs: number): string {
  return `${((100 * usedMs) / (seconds * 1000)).toFixed(1)} %`
}

async function usedOver(read: () => number): Promise<number> {
  const before = read()
  await sleep(seconds * 1000)
  return read() - before
}

function print(what: string, sorted: readonly number[], bare?: readonly number[]): void {
  const [p50, p99] = [percentile(sorted, 0.5), percentile(sorted, 0.99)]
  const overMs = bare && p50 - percentile(bare, 0.5)
  const over =
    overMs === undefined
      ? ''
      : `, ${overMs.toFixed(1)} over bare (within ${allowedMs} ms: ${overMs <= allowedMs ? 'yes' : 'no'})`
  console.log(`${what}: p50 ${p50.toFixed(1)} ms${over}, p99 ${p99.toFixed(1)} ms`)
}

process.exitCode = await main()
