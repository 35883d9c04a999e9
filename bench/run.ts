// SPDX-License-Identifier: Apache-2.0
//
// Measures how fast a node takes up and lets go of pods, beside a client that sends nothing but the
// requests that are needed, on the same API server in the same run. Ratios are the result; figures by
// themselves say more about the machine. Usage: bench/README.md.
import { parseArgs } from 'node:util'
import { startCluster } from '../test/e2e/cluster.ts'
import type { Cluster } from '../test/e2e/cluster.ts'
import { buildControlPlane } from '../test/e2e/control-plane/build.ts'
import { namespaceObstacle } from '../test/e2e/network-namespace.ts'
import { FOLDER_VARIABLE } from '../test/e2e/requirements.ts'
import { runInNamespace } from '../test/e2e/run-in-namespace.ts'
import { idealClient, kwok, ourselves, upstreamMock } from './contenders.ts'
import type { Contender } from './contenders.ts'
import { measure } from './measure.ts'
import type { Measurement } from './measure.ts'
import { printReport } from './report.ts'

const { values: flags } = parseArgs({
  options: {
    pods: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '3' },
    'paced-pods': { type: 'string', default: '200' },
    'paced-per-second': { type: 'string', default: '50' },
    only: { type: 'string' },
    kwok: { type: 'boolean', default: false },
    upstream: { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
})

/** Enough for every client here, so that the API server's own fairness decides nothing. */
const NO_SERVER_LIMIT = ['--max-requests-inflight=8000', '--max-mutating-requests-inflight=4000']

async function main(): Promise<number> {
  const obstacle = namespaceObstacle()
  if (obstacle !== undefined) {
    console.error(`Cannot run the benchmark: this machine ${obstacle}`)
    return 2
  }
  buildControlPlane()
  if (!process.env[FOLDER_VARIABLE]) {
    const command = [process.execPath, import.meta.filename, ...process.argv.slice(2)]
    return await runInNamespace(command)
  }
  await using cluster = await startCluster({
    controllerManager: false,
    scheduler: false,
    apiServerArgs: NO_SERVER_LIMIT,
  })
  printReport(await measureAll(cluster))
  return 0
}

/** Takes turns, so that what changes on the machine or in the API server meets all. */
async function measureAll(cluster: Cluster): Promise<readonly Measurement[]> {
  const contenders = contendersOf(cluster)
  const measurements: Measurement[] = []
  for (let round = 1; round <= Number(flags.rounds); round++) {
    for (const contender of contenders) {
      console.error(`Round ${round}: ${contender.name} …`)
      measurements.push(
        await measure(cluster, contender, {
          pods: Number(flags.pods),
          pacedPods: Number(flags['paced-pods']),
          pacedPerSecond: Number(flags['paced-per-second']),
        }),
      )
    }
  }
  return measurements
}

function contendersOf(cluster: Cluster): readonly Contender[] {
  const all = [
    idealClient(cluster, 'patch-and-delete'),
    ourselves(cluster, flags.profile),
    idealClient(cluster, 'delete'),
    ...(flags.kwok ? [kwok(cluster)] : []),
    ...(flags.upstream ? [upstreamMock(cluster)] : []),
  ]
  const { only } = flags
  return only === undefined ? all : all.filter(({ name }) => name.includes(only))
}

process.exitCode = await main()
