// SPDX-License-Identifier: Apache-2.0
//
// How much later a process starts as a pod's container than when spawned right away: from the moment
// a watcher learns of the bound pod until the program reads the clock. `date` prints that time itself.
import { spawn } from 'node:child_process'
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { startCluster } from '../test/e2e/cluster.ts'
import type { Cluster } from '../test/e2e/cluster.ts'
import { buildControlPlane } from '../test/e2e/control-plane/build.ts'
import { FOLDER_VARIABLE } from '../test/e2e/requirements.ts'
import { runInNamespace } from '../test/e2e/run-in-namespace.ts'
import { percentile } from './measure.ts'
import { PodLoad } from './pod-load.ts'

const PODS = 100
const PODS_PER_SECOND = 5
const DATE = ['/bin/date', '+%s.%N']
const CONTAINERS = [{ name: 'main', image: 'host', command: DATE }]

async function main(): Promise<number> {
  buildControlPlane()
  if (!process.env[FOLDER_VARIABLE]) {
    return await runInNamespace([process.execPath, import.meta.filename])
  }
  await using cluster = await startCluster({ scheduler: false })
  const bare = await bareSpawn()
  print('bare spawn', bare)
  const isBare = { automountServiceAccountToken: false, enableServiceLinks: false }
  const places = {
    tmpfs: mkdtempSync('/dev/shm/vk-bench-'),
    disk: mkdtempSync(join(tmpdir(), 'vk-bench-')),
  }
  try {
    for (const [place, rootDir] of Object.entries(places)) {
      print(`write and fsync, ${place}`, fsyncs(rootDir))
      const plain = await containerStarts(cluster, {
        node: `plain-${place}`,
        rootDir,
        spec: isBare,
      })
      print(`pod without token, ${place}`, plain, bare)
      const usual = await containerStarts(cluster, { node: `usual-${place}`, rootDir, spec: {} })
      print(`pod with token, ${place}`, usual, bare)
    }
  } finally {
    for (const place of Object.values(places)) rmSync(place, { recursive: true, force: true })
  }
  return 0
}

interface Setup {
  readonly node: string
  readonly rootDir: string
  readonly spec: object
}

/** Ms from bound to the program's own clock, sorted. */
async function containerStarts(
  cluster: Cluster,
  { node, rootDir, spec }: Setup,
): Promise<number[]> {
  await using _ = await cluster.startVirtualKubelet(['--provider', 'process'], {
    nodeName: node,
    rootDir: join(rootDir, node),
  })
  await using load = new PodLoad(cluster, {
    node,
    count: PODS,
    perSecond: PODS_PER_SECOND,
    spec: { restartPolicy: 'Never', containers: CONTAINERS, ...spec },
  })
  await load.start()
  await load.up()
  const delays: number[] = []
  for (const [name, boundAtMs] of load.boundAtMs()) {
    const log = await cluster.api<string | number>(
      'GET',
      `/api/v1/namespaces/default/pods/${name}/log`,
    )
    delays.push(Number(log) * 1000 - boundAtMs)
  }
  await load.down()
  return delays.sort((a, b) => a - b)
}

async function bareSpawn(): Promise<number[]> {
  const [program = '', ...args] = DATE
  const delays: number[] = []
  for (let run = 0; run < PODS; run++) {
    const start = performance.timeOrigin + performance.now()
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] })
    delays.push(Number(await text(child.stdout)) * 1000 - start)
  }
  return delays.sort((a, b) => a - b)
}

function fsyncs(folder: string): number[] {
  const delays: number[] = []
  for (let run = 0; run < PODS; run++) {
    const start = performance.now()
    const file = openSync(join(folder, 'probe'), 'w')
    writeSync(file, 'x'.repeat(1000))
    fsyncSync(file)
    closeSync(file)
    delays.push(performance.now() - start)
  }
  return delays.sort((a, b) => a - b)
}

function print(what: string, sorted: readonly number[], bare?: readonly number[]): void {
  const [p50, p99] = [percentile(sorted, 0.5), percentile(sorted, 0.99)]
  const over =
    bare === undefined ? '' : `, ${(p50 - percentile(bare, 0.5)).toFixed(1)} over a bare spawn`
  console.log(`${what.padEnd(28)} p50 ${p50.toFixed(1)} ms${over}, p99 ${p99.toFixed(1)} ms`)
}

process.exitCode = await main()
